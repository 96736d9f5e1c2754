"""The files that bridle adds."""

from __future__ import annotations

from itertools import pairwise

import classad2
import pytest

from condor_templates.dagman_config import dagman_config
from condor_templates.monitor_job import MonitorJob, monitor_submit_description
from condor_templates.monitor_policy import DEFAULT_MONITOR, Universe
from condor_templates.policy import DEFAULT_CATEGORIES, MonitorKind
from dag_rewriter.directory.submit_file import parse_submit_file


def test_the_monitor_is_a_local_job_that_comes_back() -> None:
    job = MonitorJob("/opt/my bin/bridle", "mosaic-0", 1000001, DEFAULT_MONITOR.max_starts)
    text = monitor_submit_description(job)
    found = parse_submit_file(text.encode())
    assert (found.universe, found.executable, found.arguments) == (
        "local",
        "/opt/my bin/bridle",
        "monitord --follow --notify .",
    )
    assert found.priority == 1000001
    assert found["on_exit_remove"].endswith("|| NumJobStarts > 20 + (time() - QDate) / 3600")
    assert found["deferral_time"].startswith("time() + ")
    assert not any(
        "on_exit_hold" in name or "periodic_hold" in name or "pegasus" in name or name == "log"
        for name in found.assigned
    )
    assert found["getenv"].split(",")[-1] == "BRIDLE_*"
    assert (found.output, found.error) == ("mosaic-0.bridle.out", "mosaic-0.bridle.err")
    assert text.rstrip().endswith("queue")


def test_each_universe_has_what_it_needs_and_nothing_else() -> None:
    found = {
        universe: parse_submit_file(
            monitor_submit_description(
                MonitorJob("/bridle", "w-0", 1, 20, MonitorKind.SERVICE, universe)
            ).encode()
        )
        for universe in Universe
    }
    assert {universe.value: one.universe for universe, one in found.items()} == {
        "local": "local",
        "scheduler": "scheduler",
        "vanilla": "vanilla",
    }
    having = {
        name: {universe.value for universe, one in found.items() if name in one.assigned}
        for name in ("deferral_time", "my.disablecooldown", "job_lease_duration", "should_transfer_files")
    }
    assert having == {
        "deferral_time": {"local", "vanilla"},
        "my.disablecooldown": {"scheduler"},
        "job_lease_duration": {"vanilla"},
        "should_transfer_files": {"vanilla"},
    }


def test_the_users_configuration_comes_before_what_the_monitor_needs() -> None:
    lines = [line for line in dagman_config("conf/user.config").splitlines() if not line.startswith("#")]
    assert lines == ["include : $Fp(DAGMAN_CONFIG_FILE)conf/user.config", "DAGMAN_USE_STRICT = 0"]
    assert "include : /etc/user.config\n" in dagman_config("/etc/user.config")
    assert "include" not in dagman_config(None)


def test_the_users_priority_wins_over_ours() -> None:
    lines = [
        line for line in dagman_config("user.config", below=1001).splitlines() if not line.startswith("#")
    ]
    assert lines[0] == "DAGMAN_DEFAULT_PRIORITY = -1001"
    assert lines[1].startswith("include")


def test_every_default_category_has_a_limit() -> None:
    assert {rule.category for rule in DEFAULT_CATEGORIES.rules} == {*DEFAULT_CATEGORIES.limits}


def test_a_monitor_that_is_a_job_may_say_that_nodes_failed() -> None:
    job = MonitorJob("/opt/bridle", "x", 5, 20, MonitorKind.JOB)
    found = parse_submit_file(monitor_submit_description(job).encode())
    assert "|| ExitCode == 3))" in found["on_exit_remove"]
    assert "DAGMAN_MAX_JOBS_SUBMITTED" in dagman_config(None, one_more=True)


A_MINUTE, AN_HOUR, A_DAY = 60, 3600, 86400


def test_a_monitor_whose_directory_is_gone_is_tried_again_for_a_week() -> None:
    """By the expressions of its job, as the schedd evaluates them each minute; it is held instead of each start."""
    found = parse_submit_file(monitor_submit_description(MonitorJob("/bridle", "w-0", 1, 20)).encode())
    release, remove = (
        classad2.ExprTree(found[name].replace("time()", "Now"))
        for name in ("periodic_release", "periodic_remove")
    )
    ad = classad2.ClassAd({"JobStatus": 5, "HoldReasonCode": 7, "NumHolds": 1, "EnteredCurrentStatus": 0})
    released: list[int] = []
    for now in range(0, 30 * A_DAY, A_MINUTE):
        ad["Now"] = now
        if remove.eval(ad):
            break
        if release.eval(ad):
            released.append(now)
            ad["EnteredCurrentStatus"], ad["NumHolds"] = now, ad["NumHolds"] + 1
    assert 6 * A_DAY < now < 8 * A_DAY
    assert released[0] == A_MINUTE
    assert max(after - before for before, after in pairwise(released)) <= AN_HOUR + A_MINUTE


@pytest.mark.parametrize("code", [1, 3, 26])
def test_a_monitor_that_is_held_for_another_reason_is_left_alone(code: int) -> None:
    found = parse_submit_file(monitor_submit_description(MonitorJob("/bridle", "w-0", 1, 20)).encode())
    ad = classad2.ClassAd(
        {"JobStatus": 5, "HoldReasonCode": code, "NumHolds": 999, "EnteredCurrentStatus": 0}
    )
    assert not any(
        classad2.ExprTree(found[name]).eval(ad) for name in ("periodic_release", "periodic_remove")
    )
