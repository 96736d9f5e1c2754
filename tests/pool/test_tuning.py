"""Limits changed while the workflow runs: no node is lost, none runs twice, and the limit is in force."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from planner_ext.operations.live_limits import scripts_at_work
from tests.support.database import check_sound, query
from tests.support.runs import BRIDLE, bridle, ended, submitted, succeeded, until
from tests.support.workflows import plan

NODES = 16
POLICY = """
[limits]
work = 1
[[rule]]
category = "work"
job_class = "compute"
node = "work_*"
"""


@pytest.fixture
def planned(work_dir: Path) -> Path:
    """16 nodes of 3 s in the local universe, one of them at a time."""
    path = plan(work_dir, "--fan", str(NODES), "--seconds", "3", "--universe", "local", "--no-cleanup")
    (path / "bridle-policy.toml").write_text(POLICY)
    return path


def events(submit_dir: SubmitDir) -> list[list[str]]:
    """The lines of the JOBSTATE_LOG; each event of a job once: a DAGMan that recovers may repeat its last second's."""
    if not submit_dir.jobstate_log.exists():
        return []
    found: dict[object, list[str]] = {}
    for number, line in enumerate(submit_dir.jobstate_log.read_text().splitlines()):
        words = line.split()
        found.setdefault(tuple(words[1:4]) if words[1].startswith("work_") else number, words)
    return list(found.values())


def under_way(submit_dir: SubmitDir) -> int:
    """How many of the nodes have a job; a category does not count a node whose POST script runs."""
    count = 0
    for _, name, event, *_ in events(submit_dir):
        if name.startswith("work_"):
            count += {"SUBMIT": 1, "JOB_TERMINATED": -1}.get(event, 0)
    return count


def done(submit_dir: SubmitDir) -> int:
    return sum(e[1].startswith("work_") and e[2] == "POST_SCRIPT_SUCCESS" for e in events(submit_dir))


def set_limit(pool, path: Path, setting: str) -> dict:
    told = bridle(pool, "categories", str(path), "--set", setting, "--json")
    assert told.returncode == 0, told.stderr
    found: dict = json.loads(told.stdout)
    return found


def test_a_limit_is_raised_and_lowered_on_a_running_workflow(pool, planned, record_property):
    submit_dir = submitted(pool, planned)
    until(lambda: done(submit_dir) >= 1, "one node done")
    assert under_way(submit_dir) <= 1
    raised = set_limit(pool, planned, "work=5")
    assert raised["changes"] == [{"category": "work", "before": 1, "after": 5}]
    assert raised["effect"] == "now"
    until(lambda: most_under_way(submit_dir) == 5, "five at once", limit=60)
    lowered = set_limit(pool, planned, "work=2")
    assert lowered["effect"] == "now"
    for name, tuned in (("raised", raised), ("lowered", lowered)):
        record_property(name, tuned["seconds"])
        assert tuned["seconds"] < 60, "the schedd's waiting time would be 300 s"
    until(lambda: under_way(submit_dir) <= 2, "those that ran have ended")
    seen = len(events(submit_dir))
    until(lambda: ended(submit_dir), "the run has ended")
    _nothing_is_lost_or_repeated(submit_dir, seen)


def _nothing_is_lost_or_repeated(submit_dir: SubmitDir, lowered_at: int) -> None:
    found = events(submit_dir)
    assert found[-1][2:] == ["***", "DAGMAN_FINISHED", "0", "***"]
    counted = Counter((e[1], e[2]) for e in found if e[1].startswith("work_"))
    cut_off = _with_a_script_that_was_cut_off(found)
    for name in (f"work_w{number:05}" for number in range(NODES)):
        assert counted[name, "POST_SCRIPT_SUCCESS"] == 1, name
        for state in ("SUBMIT", "EXECUTE", "JOB_TERMINATED", "JOB_SUCCESS"):
            assert counted[name, state] == 1 or name in cut_off, (name, state)
    running = most = 0
    for position, (_, name, event, *_) in enumerate(found):
        if name.startswith("work_"):
            running += {"SUBMIT": 1, "JOB_TERMINATED": -1}.get(event, 0)
            most = max(most, running if position >= lowered_at else 0)
    assert most <= 2, "the lower limit holds"
    assert sum("RECOVERY_FINISHED" in e for e in found) == 2
    check_sound(submit_dir.database)
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, count(*), sum(exitcode) FROM job_instance JOIN job USING (job_id) "
        "WHERE exec_job_id LIKE 'work_%' GROUP BY 1",
    )
    assert len(rows) == NODES
    assert {row[1:] for row in rows if row[0] not in cut_off} == {(1, 0)}


def _with_a_script_that_was_cut_off(found: list[list[str]]) -> set[str]:
    """The nodes whose POST script began in the moment of a hold; it ran again, and may have asked for a retry."""
    stops = [
        position for position, words in enumerate(found) if words[-3:] == ["DAGMAN_FINISHED", "3", "***"]
    ]
    logs = ("\n".join(map(" ".join, found[:stop])).encode() for stop in stops)
    return {name for log in logs for name in scripts_at_work(log)}


def test_throttles_of_a_running_dagman(pool, planned):
    submit_dir = submitted(pool, planned)
    until(lambda: succeeded(submit_dir) >= 1, "it runs")
    before = json.loads(bridle(pool, "throttle", str(planned), "--json").stdout)
    assert (before["method"], before["throttles"]["nodes"]) == ("shown", 0)
    told = bridle(pool, "throttle", str(planned), "--nodes", "3", "--idle", "9", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["throttles"].items() >= {"nodes": 3, "idle": 9}.items()
    assert set_limit(pool, planned, "work=unlimited")["effect"] == "now"
    until(lambda: under_way(submit_dir) >= 3, "the category has no limit, the throttle holds")
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, under_way(submit_dir))
        return done(submit_dir) >= 6

    until(look, "six nodes done")
    assert most <= 3
    bridle(pool, "throttle", str(planned), "--nodes", "0")
    until(lambda: under_way(submit_dir) > 3 or done(submit_dir) > NODES - 4, "the throttle is off")
    until(lambda: ended(submit_dir), "the run has ended")
    gone = bridle(pool, "throttle", str(planned), "--nodes", "3")
    assert gone.returncode == 2
    assert "no DAGMan of this schedd runs this workflow" in gone.stderr


def test_without_a_dagman_only_the_dag_is_changed(pool, planned):
    submit_dir = open_submit_dir(planned)
    before = submit_dir.dag_file.read_bytes()
    assert set_limit(pool, planned, "cleanup=9")["effect"] == "at_start"
    assert b"\nMAXJOBS cleanup 9\n" in submit_dir.dag_file.read_bytes()
    assert bridle(pool, "rewrite", str(planned)).returncode == 0
    shown = json.loads(bridle(pool, "categories", str(planned), "--json").stdout)
    (cleanup,) = (state for state in shown["categories"] if state["name"] == "cleanup")
    assert (cleanup["limit"], cleanup["source"]) == (9, "bridle categories --set")
    assert bridle(pool, "rewrite", "--undo", str(planned)).returncode == 0
    assert submit_dir.dag_file.read_bytes() == before


def test_a_dagman_that_is_held_stays_held(pool, planned, condor):
    submit_dir = submitted(pool, planned)
    until(lambda: succeeded(submit_dir) >= 1, "it runs")
    job = events(submit_dir)[0][4]
    condor("condor_hold", job)
    until(lambda: condor("condor_q", job, "-af", "JobStatus").strip() == "5", "it is held")
    assert set_limit(pool, planned, "work=4")["effect"] == "at_release"
    assert condor("condor_q", job, "-af", "JobStatus").strip() == "5"
    condor("condor_rm", job)
    until(lambda: condor("condor_q", "-af", "ClusterId") == "", "the queue is empty")


def test_a_throttle_is_raised_on_a_running_dagman(pool, work_dir, record_property):
    path = plan(work_dir, "--fan", "16", "--seconds", "3", "--universe", "local", "--no-cleanup")
    submit_dir = open_submit_dir(path)
    (path / "user.config").write_text("DAGMAN_MAX_JOBS_SUBMITTED = 1\nDAGMAN_QUEUE_UPDATE_INTERVAL = 5\n")
    with submit_dir.dag_file.open("a") as dag:
        dag.write("CONFIG user.config\n")
    submitted(pool, path)
    until(lambda: done(submit_dir) >= 1, "one node done")
    assert most_under_way(submit_dir) == 1
    told = json.loads(bridle(pool, "throttle", str(path), "--nodes", "4", "--json").stdout)
    assert told["throttles"]["nodes"] == 4
    record_property("method", told["method"])
    assert told["within_seconds"] == (5 if told["method"] == "attributes" else 0)
    until(lambda: ended(submit_dir), "the run has ended")
    assert most_under_way(submit_dir) == 4
    assert sum("DAGMAN_STARTED" in event for event in events(submit_dir)) == 1, "without a restart"
    assert done(submit_dir) == 16


def most_under_way(submit_dir: SubmitDir) -> int:
    count = most = 0
    for _, name, event, *_ in events(submit_dir):
        if name.startswith("work_"):
            count += {"SUBMIT": 1, "JOB_TERMINATED": -1}.get(event, 0)
            most = max(most, count)
    return most


def test_a_schedd_that_is_older_than_the_bindings_says_what_to_do(own_pool, release, planned):
    """Of a site that authenticates by the file system, as HTCondor does by itself; a pool of ours does not."""
    lines = own_pool.directory / "etc" / "config.d" / "site"
    lines.parent.mkdir(parents=True)
    methods = (f"SEC_{who}_AUTHENTICATION_METHODS = FS\n" for who in ("DEFAULT", "CLIENT"))
    lines.write_text("".join(methods) + "SEC_FS_ENFORCE_CHANNEL_BINDING = False\n")
    version = own_pool.start(release, slots=1).version
    environment = {**own_pool.environment(), "_CONDOR_SEC_FS_ENFORCE_CHANNEL_BINDING": "True"}
    command = [BRIDLE, "throttle", str(planned)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 2
    refused = version.startswith("23.")
    assert ("set SEC_FS_ENFORCE_CHANNEL_BINDING = False" in told.stderr) == refused
    assert ("no DAGMan of this schedd runs this workflow" in told.stderr) != refused
