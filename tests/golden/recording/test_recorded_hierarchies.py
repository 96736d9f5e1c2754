"""The recorded runs with sub-workflows: all tables against those of pegasus-monitord, and what neither can know."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

import pytest

from dag_rewriter.logs.events import DagmanEvent, DagmanState, Malformed, NodeEvent
from monitord_job.logs.dagman_out import parse_lines
from monitord_job.logs.dagman_out_state import DagmanOutState
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from tests.conftest import corpus_archives
from tests.golden.recording import test_recorded_runs
from tests.golden.recording.test_recorded_runs import comparable
from tests.support.database import Rows, check_sound, dump, query
from tests.support.recorded import Recorded, as_it_ran

HIERARCHIES = [
    "recorded/subwf-dax-hooks",
    "recorded/subwf-dag-monitordcrash",
    "samples/hierarchical_wf_failure",
    "samples/hierarchical_wf_success",
]
WITHOUT_DATABASE = ["samples/exitcode", "samples/status_sample_files"]
"""Outputs of jobs (test_verdicts.py), and logs of DAGMan whose DAGs are not there (below)."""

NODE, STATE, SITE_OF_HOST = 1, 4, 18
ATTEMPT_OF = 3
"""How many columns name an attempt: workflow, node, number."""


@pytest.mark.corpus
def test_every_recorded_run_is_compared():
    folder = corpus_archives()
    assert folder is not None
    archives = {f"{path.parent.name}/{path.name[:-7]}" for path in folder.glob("[rs]*/*.tar.xz")}
    assert archives == {*test_recorded_runs.ALL, *HIERARCHIES, *WITHOUT_DATABASE}


def both(recorded: Recorded) -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Our tables and the peer's."""
    catch_up(recorded.submit_dir, Limits())
    check_sound(recorded.submit_dir.database)
    return comparable(dump(recorded.submit_dir.database)), comparable(dump(recorded.peer_database))


def only(tables: dict[str, Rows], others: dict[str, Rows]) -> dict[str, set[tuple]]:
    """The rows that stand in `tables` alone, by table."""
    found = {name: set(rows) - set(others[name]) for name, rows in tables.items()}
    return {name: rows for name, rows in found.items() if rows}


def quarantine(recorded: Recorded) -> Rows:
    return query(recorded.submit_dir.database, "SELECT file, reason FROM bridle_quarantine")


def test_a_sub_dax(fresh_corpus):
    """The host of a job without a record is in nodes.log, where the peer does not look."""
    recorded = as_it_ran(fresh_corpus("recorded/subwf-dax-hooks"))
    ours, theirs = both(recorded)
    (mine,), (peers,) = (only(*pair).pop("job_instance") for pair in ((ours, theirs), (theirs, ours)))
    assert mine[: SITE_OF_HOST - 2] == peers[: SITE_OF_HOST - 2]
    assert (peers[SITE_OF_HOST], mine[SITE_OF_HOST]) == (None, "local")
    assert only(theirs, ours).keys() == {"job_instance"}
    assert only(ours, theirs).keys() == {"job_instance", "host"}
    assert [row[0] for row in only(ours, theirs)["host"]] == ["local"]
    assert quarantine(recorded) == []


@pytest.mark.corpus
def test_what_the_peer_crashed_on_is_complete(fresh_corpus):
    """It died when the node of the sub-DAG ended (a KeyError), and its DAG has no workflow there."""
    recorded = as_it_ran(fresh_corpus("recorded/subwf-dag-monitordcrash"))
    ours, theirs = both(recorded)
    # That node's attempt is all that the peer left unfinished.
    assert {table: {row[NODE] for row in rows} for table, rows in only(theirs, ours).items()} == {
        "job_instance": {"dagman_dag1"}
    }
    assert quarantine(recorded) == []
    codes = query(
        recorded.submit_dir.database,
        "SELECT dag_file_name, exec_job_id, i.exitcode FROM workflow JOIN job USING (wf_id) "
        "LEFT JOIN job_instance i USING (job_id) ORDER BY 1, 2",
    )
    assert len(codes) == 15
    # As DAGMan and the exit codes in the records have it: both registrations failed, in both attempts.
    assert [(job, code) for _, job, code in codes if code != 0] == [
        ("register_local_0_0", 256),
        ("register_local_0_0", 256),
        ("register_local_2_0", 256),
        ("register_local_2_0", 256),
    ]
    ends = [(row[1], row[4]) for row in ours["workflowstate"] if row[1] == "WORKFLOW_TERMINATED"]
    assert sorted(ends) == [("WORKFLOW_TERMINATED", 0), ("WORKFLOW_TERMINATED", 1)]
    (root,) = query(recorded.submit_dir.database, "SELECT wf_id FROM workflow WHERE parent_wf_id IS NULL")
    assert query(
        recorded.submit_dir.database,
        "SELECT w.dag_file_name, w.parent_wf_id, w.root_wf_id, w.submit_dir FROM job_instance i "
        "JOIN job j USING (job_id) JOIN workflow w ON w.wf_id = i.subwf_id WHERE exec_job_id = 'dagman_dag1'",
    ) == [("hand.dag", *root, *root, "/home/scientist/subwf-dag-monitordcrash/handdag")]


@pytest.mark.corpus
def test_a_sub_workflow_that_cannot_be_planned(fresh_corpus):
    """The planner's log is the job's output, as the peer has it; its path is relative, like that of all outputs."""
    recorded = as_it_ran(fresh_corpus("samples/hierarchical_wf_failure"))
    ours, theirs = both(recorded)
    planned = f"{recorded.submit_dir.braindump['submit_dir']}/"
    theirs["job_instance"] = [
        tuple(v.removeprefix(planned) if n == 10 and isinstance(v, str) else v for n, v in enumerate(row))
        for row in theirs["job_instance"]
    ]
    assert only(ours, theirs) == only(theirs, ours) == {}
    assert [row[10] for row in ours["job_instance"] if row[NODE] == "pegasus-plan_diamond_subworkflow"] == [
        f"pegasus-plan_diamond_subworkflow.pre.log.00{number}" for number in (0, 1)
    ]
    assert quarantine(recorded) == []


@pytest.mark.corpus
def test_a_sub_workflow_whose_log_is_not_there(fresh_corpus):
    """The sample was taken before the peer had ended, and without the log of the sub-workflow's DAGMan."""
    recorded = as_it_ran(fresh_corpus("samples/hierarchical_wf_success"))
    ours, theirs = both(recorded)
    root = recorded.submit_dir.wf_uuid
    attempts = {row[:ATTEMPT_OF] for row in theirs["jobstate"] if row[0] == root}
    for table in ("workflow", "workflow_meta", "task", "task_edge", "task_meta", "job", "job_edge"):
        assert ours[table] == theirs[table], table
    # What was unfinished when the sample was taken has ended in ours; the output of the one node is not in the sample.
    unfinished = {
        row[NODE] for row in theirs["job_instance"] if row[0] == root and None in (row[15], row[17])
    }
    assert unfinished == {
        "pegasus-plan_diamond_subworkflow",
        "stage_out_local_local_2_0",
        "register_local_1_0",
        "wc_ID0000002",
    }
    for table in ("workflowstate", "job_instance", "jobstate", "invocation"):
        peers = {row for row in theirs[table] if row[0] == root and row[NODE] not in unfinished}
        assert peers <= set(ours[table]), table
        assert {row[0] for row in ours[table]} == {root}, table
    assert attempts <= {row[:ATTEMPT_OF] for row in ours["jobstate"]}
    assert {row[15] for row in ours["job_instance"]} == {0}
    ((file, reason),) = quarantine(recorded)
    assert file == "00/00/blackdiamond_diamond_subworkflow.000/inner.dag.dagman.out"
    assert str(reason).startswith("neither it nor a JOBSTATE_LOG is there")


LOGS = {
    "sample_1_success": "0",
    "sample1_hr_success": "0",
    "sleep-wf-0": "0",
    "sample_2_held": None,
    "sample_3_failure": "1",
    "sample2_hr_failure": "1",
    "sample_4_removed": "2",
    "sample_5_failed_with_no_progress_lines": "1",
    "sample_started": None,
}
"""Logs of DAGMan alone, with what it left with; the two called `inner` are below."""
_DONE = re.compile(rb"^\S+ \S+ +(\d+) +\d+ +\d+ +\d+ +\d+ +\d+ +\d+(?: +\d+)?\s*$", re.MULTILINE)


@pytest.mark.corpus
@pytest.mark.parametrize("name", LOGS)
def test_a_log_of_dagman_alone(name, corpus):
    (path,) = corpus("samples/status_sample_files").rglob(f"{name}.dag.dagman.out")
    check_log(path, LOGS[name])


@pytest.mark.corpus
@pytest.mark.parametrize(("sample", "code"), [("sample1_hr", "0"), ("sample2_hr", "1")])
def test_a_log_of_an_inner_dagman_alone(sample, code, corpus):
    (path,) = corpus("samples/status_sample_files").rglob(f"{sample}/**/inner.dag.dagman.out")
    check_log(path, code)


def check_log(path: Path, code: str | None) -> None:
    """Every line is understood, also over rescue runs; as many nodes are done as DAGMan's last table says."""
    data = path.read_bytes()
    events = [event for _, event in parse_lines(DagmanOutState(), data.split(b"\n"), UTC)[1]]
    assert [event for event in events if isinstance(event, Malformed)] == []
    ends = [e.info for e in events if isinstance(e, DagmanEvent) and e.state is DagmanState.FINISHED]
    assert set(ends) == ({code} if code else set())
    verdicts = {
        event.node: event.state.endswith("SUCCESS")
        for event in events
        if isinstance(event, NodeEvent) and re.match("(JOB|POST_SCRIPT)_(SUCCESS|FAILURE)", event.state)
    }
    tables = _DONE.findall(data)
    if tables:
        assert sum(verdicts.values()) == int(tables[-1])
