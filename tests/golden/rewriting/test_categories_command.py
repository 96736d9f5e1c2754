"""`bridle categories` without a pool: whose word counts, and what is said about mistakes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from condor_templates.errors import BridleError, PolicyError
from condor_templates.policy import MonitorKind
from dag_rewriter import files
from dag_rewriter.categories.policy_layers import read_policy
from dag_rewriter.directory.policy_paths import SITE_VARIABLE
from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.rewriting.limits import write_limits
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job import schedd
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.errors import ScheddError
from planner_ext.cli import run_command
from planner_ext.operations import live_limits, throttle
from planner_ext.operations.live_limits import Effect, LimitsError
from tests.conftest import Corpus

SITE = """
[limits]
createdir = 2
subwf = 3
[planner_limits]
stageout = 40
[[rule]]
category = "compute"
job_class = "compute"
"""


@pytest.fixture
def planned(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A planned directory whose properties limit cleanup and others; a site and a user that nobody else has."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv(SITE_VARIABLE, str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # A schedd that is not there.
    monkeypatch.setattr(live_limits, "dagman_jobs", no_schedd)
    (braindump,) = corpus("planned/diamond-condorio").rglob("braindump.yml")
    return Path(shutil.copytree(braindump.parent, tmp_path / "run0001"))


def no_schedd(_log: Path) -> list[QueuedJob]:
    raise ScheddError("x", "the queue cannot be asked", "start it")


def shown(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[int | None, str, int]]:
    assert run_command(["categories", str(path), "--json"]) == 0
    states = json.loads(capsys.readouterr().out)["categories"]
    return {state["name"]: (state["limit"], state["source"], state["nodes"]) for state in states}


def test_a_later_layer_wins_and_the_dag_before_all(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(planned, capsys)["createdir"] == (10, "bridle's default", 1)
    (tmp_path / "site.toml").write_text(SITE)
    found = shown(planned, capsys)
    assert found["createdir"] == (2, str(tmp_path / "site.toml"), 1)
    assert found["stageout"] == (40, str(tmp_path / "site.toml"), 1)
    assert found["compute"] == (None, "nobody", 4)
    user = tmp_path / "config" / "bridle" / "policy.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[limits]\ncreatedir = 5\ncompute = 6\n")
    assert shown(planned, capsys)["createdir"][:2] == (5, str(user))
    (planned / "bridle-policy.toml").write_text("[limits]\ncompute = 7\ncleanup = 99\n")
    found = shown(planned, capsys)
    assert found["compute"][:2] == (7, str(planned / "bridle-policy.toml"))
    assert found["cleanup"][:2] == (4, "the planner's default"), "MAXJOBS in the DAG wins"
    (properties,) = planned.glob("pegasus.*.properties")
    with properties.open("a") as file:
        file.write("dagman.compute.maxjobs=8\n")
    assert shown(planned, capsys)["compute"][:2] == (8, f"{properties.name} (dagman.compute.maxjobs)")
    assert run_command(["categories", str(planned), "--set", "compute=9", "--set", "cleanup=unlimited"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["compute: unlimited -> 9", "cleanup: 4 -> unlimited"]
    assert run_command(["rewrite", str(planned)]) == 0
    capsys.readouterr()
    found = shown(planned, capsys)
    assert found["compute"] == (9, "bridle categories --set", 4)
    assert found["cleanup"][:2] == (None, "bridle categories --set")
    dag = (planned / "diamond-0.dag").read_text().splitlines()
    assert "#bridle: MAXJOBS cleanup 4" in dag
    assert "MAXJOBS compute 9" in dag


def test_a_table_for_people(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["categories", str(planned)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["category", "nodes", "limit", "from"]
    assert lines[-1] == "The DAG is not rewritten yet: so it will be after `bridle rewrite`."


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "Cleanup=3"], "the DAG has no such category (it has cleanup, "),
        (["--set", "cleanup=0"], "--set cleanup=0: '0' is not a limit; write a whole number from 1"),
    ],
)
def test_a_slip_of_the_pen(
    planned: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (planned / "diamond-0.dag").read_bytes()
    assert run_command(["categories", str(planned), *words]) == 2
    assert told in capsys.readouterr().err
    assert (planned / "diamond-0.dag").read_bytes() == before


def test_a_policy_that_is_none_is_named(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (planned / "bridle-policy.toml").write_bytes(b"[limits]\n# \xff\n")
    with pytest.raises(BridleError, match=r"bridle-policy\.toml:2: it is not UTF-8"):
        read_policy(open_submit_dir(planned))
    (planned / "bridle-policy.toml").write_text("[limits]\ncleanup = 0\n")
    assert run_command(["rewrite", str(planned)]) == 2
    assert "bridle-policy.toml: key limits.cleanup: 0 is not a limit" in capsys.readouterr().err


def test_to_set_a_limit_opens_no_submit_file(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes and categories stand in the DAG; a hundred thousand files would be read for a name."""
    opened: list[str] = []
    read_many = files.read_many

    def noted(directory: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        for name, data in read_many(directory, names):
            opened.append(name)
            yield name, data

    monkeypatch.setattr(files, "read_many", noted)
    assert run_command(["categories", str(planned), "--set", "cleanup=9"]) == 0
    assert opened == []
    assert run_command(["rewrite", "--undo", str(planned)]) == 0
    assert run_command(["categories", str(planned), "--set", "createdir=9"]) == 0
    assert opened, "only a rewrite brings this category: the submit files say which nodes are in it"
    assert run_command(["rewrite", str(planned)]) == 0
    opened.clear()
    assert run_command(["categories", str(planned), "--set", "createdir=8"]) == 0
    assert run_command(["categories", str(planned), "--set", "Createdir=8"]) == 2
    assert opened == []


class Dagman:
    """A DAGMan job that does what a test wants; it writes its log as DAGMan does."""

    def __init__(self, planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = planned
        self.status: JobStatus | None = JobStatus.RUNNING
        self.command = "/usr/bin/condor_dagman"
        self.cooling = 0
        self.reason: str | None = None
        self.calls: list[str] = []
        self.after_release = "DAGMAN_STARTED 1.0", "RECOVERY_STARTED", "RECOVERY_FINISHED"
        monkeypatch.setattr(live_limits, "dagman_jobs", self.jobs)
        monkeypatch.setattr(live_limits, "dagman_lives", lambda _dir: self.status is JobStatus.RUNNING)
        monkeypatch.setattr(schedd, "hold_job", self.hold)
        monkeypatch.setattr(schedd, "release_job", self.release)
        monkeypatch.setattr(schedd, "end_cool_down", self.end_cool_down)
        monkeypatch.setattr(live_limits, "RECOVERY_LIMIT", 0.5)
        monkeypatch.setattr(live_limits, "STOP_LIMIT", 0.5)
        monkeypatch.setattr(live_limits, "_POLL", 0.01)

    def jobs(self, _log: Path) -> list[QueuedJob]:
        if self.status is None:
            return []
        return [QueuedJob("1.0", self.status, self.reason, self.command, self.cooling)]

    def hold(self, _job: str, _reason: str) -> None:
        self.calls.append("hold")
        self.status = JobStatus.HELD

    def release(self, _job: str) -> None:
        self.calls.append("release")
        self.status, self.cooling = JobStatus.IDLE, 1 << 40

    def end_cool_down(self, _job: str) -> None:
        self.calls.append("cool")
        self.status, self.cooling = JobStatus.RUNNING, 0
        with (self.path / "diamond-0.bridle.jobstate.log").open("a") as log:
            log.writelines(f"1 INTERNAL *** {words} ***\n" for words in self.after_release)


@pytest.fixture
def dagman(planned: Path, monkeypatch: pytest.MonkeyPatch) -> Dagman:
    assert run_command(["rewrite", str(planned)]) == 0
    return Dagman(planned, monkeypatch)


def set_cleanup(planned: Path) -> live_limits.LimitsChanged:
    return live_limits.change_limits(open_submit_dir(planned), {"cleanup": 9}, lambda _stage: None)


def test_a_running_dagman_is_held_released_and_helped_over_the_waiting_time(
    planned: Path, dagman: Dagman
) -> None:
    assert set_cleanup(planned).effect is Effect.NOW
    assert dagman.calls == ["hold", "release", "cool"]


def test_a_hold_that_a_killed_bridle_left_behind_is_ended_and_nobody_elses(
    planned: Path, dagman: Dagman
) -> None:
    dagman.status, dagman.reason = JobStatus.HELD, "via condor_hold (by user ada)"
    assert set_cleanup(planned).effect is Effect.AT_RELEASE
    assert dagman.calls == []
    dagman.reason = f"{live_limits._REASON} (by user ada)"
    assert set_cleanup(planned).effect is Effect.NOW
    assert dagman.calls == ["release", "cool"]


def test_a_hold_that_is_refused_leaves_the_dag_as_it_was(
    planned: Path, dagman: Dagman, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (planned / "diamond-0.dag").read_bytes()

    def refuse(_job: str, _reason: str) -> None:
        raise ScheddError("job 1.0", "it was not held", "ask")

    monkeypatch.setattr(schedd, "hold_job", refuse)
    with pytest.raises(ScheddError, match="was not held"):
        set_cleanup(planned)
    assert (planned / "diamond-0.dag").read_bytes() == before


def test_what_is_interrupted_is_released_all_the_same(
    planned: Path, dagman: Dagman, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_dir: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(live_limits, "_stopped", interrupted)
    with pytest.raises(KeyboardInterrupt):
        set_cleanup(planned)
    assert dagman.calls == ["hold", "release"]


def test_a_job_that_stays_on_hold_is_named_with_what_to_do(
    planned: Path, dagman: Dagman, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_job: str) -> None:
        raise ScheddError("job 1.0", "it was not released", "ask")

    monkeypatch.setattr(schedd, "release_job", refuse)
    with pytest.raises(LimitsError, match=r"held and could not be released .*`bridle release` starts"):
        set_cleanup(planned)


@pytest.mark.parametrize("words", [("DAGMAN_STARTED 1.0", "RECOVERY_STARTED"), ()])
def test_a_dagman_that_does_not_come_back_is_reported(
    planned: Path, dagman: Dagman, words: tuple[str, ...]
) -> None:
    dagman.after_release = words
    with pytest.raises(LimitsError, match="is released and has not recovered"):
        set_cleanup(planned)


def test_a_workflow_that_ends_meanwhile(
    planned: Path, dagman: Dagman, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(_job: str, _reason: str) -> None:
        dagman.status = None

    monkeypatch.setattr(schedd, "hold_job", leave)
    assert set_cleanup(planned).effect is Effect.ENDED


def test_pegasus_s_own_wrapper_is_not_held(planned: Path, dagman: Dagman) -> None:
    dagman.command = "/opt/pegasus/bin/pegasus-dagman"
    before = (planned / "diamond-0.dag").read_bytes()
    with pytest.raises(LimitsError, match="may not survive being held"):
        set_cleanup(planned)
    assert (planned / "diamond-0.dag").read_bytes() == before
    assert dagman.calls == []


@pytest.mark.parametrize(("version", "method"), [("23.9.6", "attributes"), ("25.14.1", "command")])
def test_throttles_take_the_road_of_the_version(
    planned: Path, dagman: Dagman, monkeypatch: pytest.MonkeyPatch, version: str, method: str
) -> None:
    taken: list[str] = []

    def command(_job: str, limits: dict[str, int]) -> dict[str, int]:
        taken.append("command")
        return limits

    submit_dir = open_submit_dir(planned)
    submit_dir.dagman_out.write_text(f"** $CondorVersion: {version} 2026-09-24 $\n")
    monkeypatch.setattr(throttle, "dagman_jobs", dagman.jobs)
    monkeypatch.setattr(schedd, "command_throttles", command)
    monkeypatch.setattr(schedd, "edit_throttles", lambda _job, _limits: taken.append("attributes"))
    monkeypatch.setattr(schedd, "throttles_of", lambda _job: {"nodes": 3})
    found = throttle.set_throttles(submit_dir, {"nodes": 3})
    assert (found.throttles, found.version, found.method, taken) == ({"nodes": 3}, version, method, [method])


def test_a_site_policy_that_is_not_there_is_an_error(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SITE_VARIABLE, "/etc/bridle/siet.toml")
    with pytest.raises(PolicyError, match=r"^/etc/bridle/siet\.toml: BRIDLE_SITE_POLICY names it"):
        read_policy(open_submit_dir(planned))


@pytest.mark.parametrize("name", ["x.dag", "flow"])
def test_a_dag_is_named_as_in_every_other_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "a.sub").write_text("queue\n")
    (tmp_path / name).write_text("JOB A a.sub\nCATEGORY A big\nMAXJOBS big 3\n")
    assert run_command(["categories", str(tmp_path / name), "--json"]) == 0
    (state,) = json.loads(capsys.readouterr().out)["categories"]
    assert (state["name"], state["nodes"], state["limit"]) == ("big", 1, 3)


@pytest.mark.parametrize("kind", list(MonitorKind))
def test_after_a_limit_was_set_a_rewrite_has_nothing_to_change(planned: Path, kind: MonitorKind) -> None:
    submit_dir = open_submit_dir(planned)
    rewrite(submit_dir, Options(executable="/bin/true", kind=kind))
    for limits in ({"cleanup": 9}, {"stagein": 3, "createdir": None}, {"stagein": None}, {"cleanup": 2}):
        write_limits(submit_dir, limits)
        before = submit_dir.dag_file.read_bytes()
        rewrite(submit_dir, Options(executable="/bin/true"))
        assert submit_dir.dag_file.read_bytes().decode() == before.decode()
