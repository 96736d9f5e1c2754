"""Monitor and DAGMan killed in the middle of a run: the schedd starts both again, and everything is done once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from tests.support.database import check_sound, query
from tests.support.faults import dagman_pid
from tests.support.runs import ended, monitor_pid, submitted, succeeded, until
from tests.support.workflows import plan

FAN = 6


def planned(work_dir: Path, config: str) -> Path:
    """A fan of local nodes, with a configuration of the user's."""
    words = ("--fan", str(FAN), "--seconds", "2", "--universe", "local", "--no-cleanup")
    path = plan(work_dir, *words)
    (path / "user.config").write_text(f"{config}\n")
    with (path / "fan-0.dag").open("a") as dag:
        dag.write("CONFIG user.config\n")
    return path


def events(submit_dir: SubmitDir) -> list[list[str]]:
    return [line.split() for line in submit_dir.jobstate_log.read_text().splitlines()]


def test_monitor_and_dagman_are_killed(pool, work_dir, monkeypatch):
    monkeypatch.setenv("BRIDLE_COLOUR", "dun bay")
    submit_dir = submitted(pool, planned(work_dir, "DAGMAN_MAX_JOBS_SUBMITTED = 2"))
    until(lambda: succeeded(submit_dir) >= 3, "it runs")
    monitor, dagman = monitor_pid(submit_dir), dagman_pid(submit_dir)
    assert monitor is not None
    assert dagman is not None
    assert b"BRIDLE_COLOUR=dun bay" in Path(f"/proc/{monitor}/environ").read_bytes().split(b"\0"), "ENV GET"
    os.kill(monitor, signal.SIGKILL)
    until(lambda: monitor_pid(submit_dir) not in (None, monitor), "the monitor is back", limit=60)
    os.kill(dagman, signal.SIGKILL)
    until(lambda: dagman_pid(submit_dir) not in (None, dagman), "DAGMan is back", limit=60)
    until(lambda: ended(submit_dir), "the run has ended")

    found = events(submit_dir)
    assert found[-1][2:] == ["***", "DAGMAN_FINISHED", "0", "***"]
    assert sum("RECOVERY_FINISHED" in event for event in found) == 1
    assert [e[2] for e in found if e[1] == "bridle_monitor"] == [
        "SUBMIT",
        "EXECUTE",
        "JOB_EVICTED",
        "EXECUTE",
    ]
    # A DAGMan that recovers may write lines of the last second once more (seen on 25.14 under load): of the same job.
    different = {tuple(e[1:4]) for e in found if e[1] not in ("INTERNAL", "bridle_monitor")}
    counted = Counter((name, state) for name, state, _ in different)
    assert {name for name, _ in counted} > {f"work_w{number:05}" for number in range(FAN)}
    assert set(counted.values()) == {1}, "no node is lost, none runs twice"
    out = submit_dir.dagman_out.read_text()
    assert out.count("DAGMAN_MAX_JOBS_SUBMITTED setting: 2") == 2, "the user's configuration, each time"
    assert list(submit_dir.path.glob("*.rescue*")) == []
    assert submit_dir.monitor_log.read_text().count("following") == 2, "the second one was adopted"
    check_sound(submit_dir.database)
    jobs = query(submit_dir.database, "SELECT count(*) FROM job")
    assert query(submit_dir.database, "SELECT count(*), sum(exitcode) FROM job_instance") == [(*jobs[0], 0)]
