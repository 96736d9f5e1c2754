"""The fixtures against what DAGMan itself wrote down: its JOBSTATE_LOG, read by a few lines that are not the product's.

The rows of pegasus-monitord on the same runs: test_recorded_runs.py.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.unplanned_identity import identified
from tests.conftest import FIXTURES
from tests.golden.notifications.test_notifications import hooked, recorded
from tests.golden.recording.test_recorded_runs import blanked
from tests.support.database import Rows, check_sound, dump, query
from tests.support.notified import Witness, kept
from tests.support.recorded import DAGMANS_OWN, as_it_ran, with_dagmans_own_log

pytestmark = pytest.mark.own

PLAIN = "plain"
RUNS = sorted(path.name.removesuffix(".tar.xz") for path in (FIXTURES / "recorded").glob("*.tar.xz"))
PLANNED = [run for run in RUNS if run != PLAIN]
LARGEST = 1_000_000
KINDS = {
    "dagman-profiles-removed": (2,),
    "diamond-condorio": (0,),
    "diamond-sharedfs": (0,),
    "failing-condorio": (1, 0),
    "fan100-missinginput": (1,),
    "held": (0,),
    "killboth": (0,),
    "lclust": (0,),
    "notify": (0,),
    "plain": (0,),
    "subwf-dag-monitordcrash": (0,),
    "subwf-dax-hooks": (0,),
}
"""With which status each DAGMan left: what make.py did to the run."""


class Attempt(NamedTuple):
    """One attempt at a node: what DAGMan says of it."""

    node: str
    job: str
    states: tuple[str, ...]

    @property
    def succeeded(self) -> bool | None:
        """None: DAGMan left before it could know."""
        last = self.states[-1]
        return None if not last.endswith(("_SUCCESS", "_FAILURE")) else last.endswith("_SUCCESS")


def attempts(log: Path) -> set[Attempt]:
    """All attempts that got as far as a job, by what stands in a JOBSTATE_LOG."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    jobs: dict[tuple[str, str], str] = {}
    for words in map(str.split, log.read_text(encoding="utf-8").splitlines()):
        if words[1] != "INTERNAL":
            key = words[1], words[-1]
            found.setdefault(key, {})[words[2]] = None
            if words[2] == "SUBMIT":
                jobs[key] = words[3]
    return {Attempt(key[0], jobs[key], tuple(found[key])) for key in jobs}


def stored(submit_dir: SubmitDir) -> set[tuple[str, str, bool | None]]:
    """Node, job and success of each attempt in the database, of the root alone."""
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, sched_id, exitcode FROM job_instance JOIN job USING (job_id) "
        "JOIN workflow USING (wf_id) WHERE parent_wf_id IS NULL",
    )
    return {(str(name), str(job), None if code is None else code == 0) for name, job, code in rows}


def caught_up(submit_dir: SubmitDir) -> SubmitDir:
    session.catch_up(submit_dir, Limits())
    check_sound(submit_dir.database)
    return submit_dir


def test_each_fixture_is_what_it_is_called():
    assert set(RUNS) == set(KINDS)
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*.tar.xz")) < LARGEST
    for path in FIXTURES.rglob("*.tar.xz"):
        with tarfile.open(path) as tar:
            assert not [name for name in tar.getnames() if "pegasus-lite" in name or "worker" in name]


READ_FROM: dict[str, Callable[[Path], SubmitDir]] = {
    "dagman.out": lambda folder: as_it_ran(folder).submit_dir,
    "JOBSTATE_LOG": lambda folder: with_dagmans_own_log(folder).submit_dir,
}


@pytest.mark.parametrize("log", READ_FROM)
@pytest.mark.parametrize("run", PLANNED)
def test_every_attempt_is_stored_as_dagman_saw_it(run, log, fresh_corpus):
    folder = fresh_corpus(f"recorded/{run}")
    (own,) = folder.rglob("*.bridle.jobstate.log")
    truth = attempts(own)
    submit_dir = caught_up(READ_FROM[log](folder))
    assert len(truth) > 5
    found = stored(submit_dir)
    known = {(one.node, one.job, one.succeeded) for one in truth if one.succeeded is not None}
    assert known <= found
    assert {row[:2] for row in found} == {(one.node, one.job) for one in truth}
    statuses = query(
        submit_dir.database,
        "SELECT status FROM workflowstate JOIN workflow USING (wf_id) WHERE parent_wf_id IS NULL AND status >= 0 "
        "ORDER BY restart_count",
    )
    assert tuple(row[0] for row in statuses) == KINDS[run]


@pytest.mark.parametrize("run", PLANNED)
def test_both_logs_say_the_same_but_for_seconds(run, fresh_corpus, work_dir):
    """The second in which DAGMan writes its line is not always that of the event."""
    both = []
    for name, read in READ_FROM.items():
        folder = fresh_corpus(f"recorded/{run}").rename(work_dir / name)
        both.append(dump(caught_up(read(folder)).database))
    assert both[0].keys() == both[1].keys()
    assert both[0]["jobstate"]
    for table, rows in both[0].items():
        assert without_seconds(table, rows) == without_seconds(table, both[1][table]), table


DURATIONS = {"invocation": (5, 6), "workflowstate": (5,), "job_instance": (7, 8, 9)}
"""Columns that hang on seconds; of a workflow, only dagman.out says why DAGMan left."""
EPOCH = 1_000_000_000


def without_seconds(table: str, rows: Rows) -> Rows:
    timeless = [tuple(None if isinstance(v, int | float) and v > EPOCH else v for v in row) for row in rows]
    return blanked(timeless, *DURATIONS.get(table, ()))


def test_a_dag_without_pegasus(fresh_corpus):
    folder = fresh_corpus("recorded/plain") / PLAIN
    (own,) = folder.glob("*.bridle.jobstate.log")
    truth = attempts(own)
    own.rename(folder / DAGMANS_OWN)
    submit_dir = caught_up(identified(open_target(folder / "x.dag")))
    assert stored(submit_dir) == {(one.node, one.job, one.succeeded) for one in truth}
    codes = query(
        submit_dir.database,
        "SELECT dag_file_name, exec_job_id, exitcode FROM job_instance JOIN job USING (job_id) "
        "JOIN workflow USING (wf_id) ORDER BY 1, 2, job_submit_seq",
    )
    assert codes == [
        ("below.dag", "c", 0),
        ("below.dag", "d", 0),
        ("x.dag", "below", 0),
        ("x.dag", "first", 0),
        ("x.dag", "flaky", 7 << 8),
        ("x.dag", "flaky", 0),
        ("x.dag", "inner+a", 0),
        ("x.dag", "inner+b", 0),
        ("x.dag", "last", 0),
    ]
    # What the jobs printed: `say` of make.py.
    texts = query(
        submit_dir.database, "SELECT DISTINCT stdout_text FROM job_instance WHERE stdout_text <> ''"
    )
    assert texts == [("#@ 1 stdout%0Aall is well%0A",)]


DUE = {
    "notify": {
        ("start", "wf start"): 1,
        ("success", "wf success"): 1,
        ("end", "wf end"): 1,
        ("start", "wf all"): 1,
        ("at_end", "wf all"): 1,
        ("start", "job start"): 1,
        ("success", "job success"): 1,
        ("end", "job end"): 1,
        ("start", "job all"): 1,
        ("at_end", "job all"): 1,
    },
    "failing-condorio": {("start", "wf"): 2, ("at_end", "wf"): 2},
    "subwf-dax-hooks": {("end", "outer"): 1},
    "diamond-sharedfs": {},
}
"""By event and words, counted by hand: the rules of tests/fixtures/workflows.py, and how the runs went."""


@pytest.mark.parametrize("run", DUE)
def test_what_is_due_is_told_and_nothing_else(run, fresh_corpus, tmp_path):
    submit_dir = recorded(fresh_corpus(f"recorded/{run}"))
    witness = Witness(tmp_path)
    hooked(submit_dir, witness.path)
    session.catch_up(submit_dir, Limits(), notify=True)
    told = witness.seen()
    assert Counter((one["PEGASUS_EVENT"], one["ARGUMENTS"]) for one in told) == DUE[run]
    assert all(("PEGASUS_STATUS" in one) == (one["PEGASUS_EVENT"] != "start") for one in told)
    absent = [row["argv"] for row in kept(submit_dir.database) if row["argv"][0] != str(witness.path)]
    assert len(absent) == (run == "notify"), "the program of one rule is not there"


def test_a_job_that_was_held_has_its_reason(fresh_corpus):
    submit_dir = caught_up(as_it_ran(fresh_corpus("recorded/held")).submit_dir)
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, state, reason FROM jobstate JOIN job_instance USING (job_instance_id) "
        "JOIN job USING (job_id) WHERE state IN ('JOB_HELD', 'JOB_RELEASED') ORDER BY state",
    )
    assert [row[:2] for row in rows] == [
        ("findrange_ID0000002", "JOB_HELD"),
        ("findrange_ID0000002", "JOB_RELEASED"),
    ]
    assert "held on purpose, 50% done: näme" in str(rows[0][2])


def test_what_pegasus_lite_checked_is_stored(fresh_corpus):
    submit_dir = caught_up(as_it_ran(fresh_corpus("recorded/diamond-condorio")).submit_dir)
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, count, duration FROM integrity JOIN job_instance USING (job_instance_id) "
        "JOIN job USING (job_id) WHERE type = 'check' ORDER BY 1",
    )
    assert rows == [
        (name, 1, 0.039)
        for name in (
            "analyze_ID0000004",
            "findrange_ID0000002",
            "findrange_ID0000003",
            "preprocess_ID0000001",
        )
    ]
