"""Whoever stores rows makes notifications due, and somebody delivers them after the run has ended."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.errors import TryAgainError
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.readers.notification_list import read_outbox
from monitord_job.readers.status import read_status
from tests.support.notified import Hook, kept
from tests.support.recorded import run_without_rules
from tests.support.rules import write_rules

WHOLE = "JOB * end {hook} job\nWORKFLOW * start {hook} workflow\nWORKFLOW * end {hook} workflow\n"


@pytest.fixture
def run(fresh_corpus, monkeypatch, tmp_path) -> SubmitDir:
    """A run that has ended, of which nothing is stored yet; no site or user has any rules."""
    return run_without_rules(fresh_corpus("recorded/failing-condorio"), tmp_path, monkeypatch)


@pytest.fixture
def hook(run, tmp_path) -> Hook:
    made = Hook(tmp_path)
    write_rules(run.bridle_notify, WHOLE.format(hook=made.path))
    return made


def follow(submit_dir: SubmitDir, **limits: float) -> None:
    session.follow_run(submit_dir, Limits(**limits), 0.0, notify=True)


def told(hook: Hook) -> list[list[str]]:
    return sorted(run[1:] for run in hook.runs())


def test_a_status_before_the_monitor_takes_nothing_away_from_it(run, hook):
    undisturbed = run.database.with_name("undisturbed.db")
    run.notifying.write_text("1\n")
    follow(run)
    expected = told(hook)
    run.database.rename(undisturbed)
    hook.log.unlink()
    assert len(expected) > 2

    read_status(run)
    assert hook.runs() == [], "a reader runs no script"
    follow(run)
    assert told(hook) == expected


def test_a_run_from_before_the_decision_makes_nothing_due(run, hook):
    run.notifying.write_text("4000000000\n")
    read_status(run)
    assert kept(run.database) == []


@pytest.mark.parametrize("said", ["", "soon", "-1", "9" * 40])
def test_what_is_no_time_decides_nothing(run, hook, said):
    run.notifying.write_text(said)
    read_status(run)
    assert kept(run.database) == []


def test_where_properties_switch_them_off_nothing_is_due(run, hook):
    properties = run.path / Path(run.braindump["properties"] or "").name
    properties.write_bytes(properties.read_bytes() + b"\npegasus.monitord.notifications = false\n")
    run.notifying.write_text("1\n")
    read_status(run)
    assert kept(run.database) == []


def test_a_script_has_the_time_that_its_limit_gives_it_after_the_end_too(run, tmp_path):
    """The run counts as stored before: Pegasus's tools need not wait for scripts."""
    seen = tmp_path / "seen"
    write_rules(
        run.bridle_notify,
        f"WORKFLOW * end shell: until test -e {run.path}/monitord.done; do sleep 0.1; done; touch {seen}\n",
    )
    follow(run, notifications=0.1)
    assert seen.exists()
    assert [row["state"] for row in kept(run.database)] == ["delivered"]


def test_told_to_stop_it_asks_to_be_started_again(run):
    write_rules(run.bridle_notify, f"WORKFLOW * end shell: kill -TERM {os.getpid()}; exit 75\n")
    with pytest.raises(TryAgainError, match="notifications are due"):
        follow(run, notifications=0.1)
    assert [(row["state"], row["tries"]) for row in kept(run.database)] == [("due", 1)]


def removed() -> tuple[threading.Event, threading.Event]:
    """DAGMan has removed the monitor's job before the end was read."""
    stop, is_removed = threading.Event(), threading.Event()
    stop.set()
    is_removed.set()
    return stop, is_removed


def test_what_nobody_would_start_again_hands_over(run, monkeypatch):
    handed: list[SubmitDir] = []

    def submit(submit_dir: SubmitDir) -> bool:
        handed.append(submit_dir)
        return True

    monkeypatch.setattr(session, "_heard", removed)
    monkeypatch.setattr(session, "hand_over", submit)
    write_rules(run.bridle_notify, "WORKFLOW * end shell: exit 75\n")
    follow(run, notifications=0.1)
    assert handed == [run]
    assert [row["state"] for row in kept(run.database)] == ["due"]


def test_where_no_schedd_takes_it_the_monitor_itself_stays(run, monkeypatch, tmp_path):
    refused = tmp_path / "refused"

    def refuse(_: SubmitDir) -> bool:
        refused.touch()
        return False

    monkeypatch.setattr(session, "_heard", removed)
    monkeypatch.setattr(session, "hand_over", refuse)
    write_rules(run.bridle_notify, f"WORKFLOW * end shell: until test -e {refused}; do sleep 0.1; done\n")
    follow(run, notifications=0.1)
    assert [row["state"] for row in kept(run.database)] == ["delivered"]


def test_who_delivers_by_hand_stays_until_nothing_is_due(run, hook):
    run.notifying.write_text("1\n")
    read_status(run)
    due = read_outbox(run)
    assert due
    session.deliver(run, Limits(), 0.0)
    assert len(hook.runs()) == len(due)
