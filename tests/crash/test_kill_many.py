"""SIGKILL at more than 500 steps of runs with retries, a rescue run, held and clustered jobs, and a sub-workflow."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.recording import ingest, job_logs, store
from tests.crash.test_kill_points import Patch, cursors_apart, steps_of
from tests.support.database import Rows, check_sound, dump, query
from tests.support.killed import unsynchronized, warm_up
from tests.support.recorded import dagman_lines, prepare

pytestmark = pytest.mark.corpus  # its jobs are called by their ids

HELD = ("flag_needflag", "954.0")
HOLD_REASON = "Error from slot1_1@127-0-0-1.pool.local: memory usage exceeded request_memory"


class Killing(NamedTuple):
    """A run, how many bytes of its logs one transaction takes, and at how many steps at least it is killed."""

    archive: str
    turn_bytes: int
    least: int


RUNS = [
    Killing("failing-condorio", 2500, 200),
    Killing("lclust", 2000, 180),
    Killing("subwf-dax-hooks", 8000, 180),
]


def test_the_steps_are_500_or_more():
    assert sum(run.least for run in RUNS) >= 500


class Prepared(NamedTuple):
    """A submit directory in which nothing is stored yet, and a database whose tables are empty."""

    submit_dir: SubmitDir
    empty: Path
    turn_bytes: int

    def fresh(self) -> None:
        """Put the empty database in place: to make its tables takes longer than to fill them."""
        database = self.submit_dir.database
        for path in database.parent.glob(f"{database.name}*"):
            path.unlink()
        shutil.copyfile(self.empty, database)


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: run.archive)
def killing(request) -> Killing:
    return request.param


@pytest.fixture(scope="module")
def run(killing, corpus, tmp_path_factory) -> Prepared:
    """The recorded run with what the recording lacks: a held job, and the sub-workflow's JOBSTATE_LOG."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(corpus(f"recorded/{killing.archive}"), folder / "run", symlinks=True)
    submit_dir = prepare(folder / "run").submit_dir
    for below in submit_dir.path.rglob("inner_subwf1.000"):
        open_submit_dir(below).jobstate_log.write_bytes(dagman_lines(below / "jobstate.log"))
    if killing.archive == "failing-condorio":
        hold(submit_dir)
    warm_up(submit_dir)
    empty = folder / "empty.db"
    made = store.Store(store.sqlite_url(empty))
    made.create()
    made.close()
    return Prepared(submit_dir, empty, killing.turn_bytes)


def hold(submit_dir: SubmitDir) -> None:
    """Let one job be held twice while it runs, as HTCondor's and DAGMan's logs say it."""
    node, job = HELD
    cluster = job.partition(".")[0]
    events = submit_dir.nodes_log.read_text()
    states = submit_dir.jobstate_log.read_text()
    start = events.index(f"001 ({cluster}.000.000)")
    execute = events[start : events.index("\n...\n", start) + 5]
    line = next(line for line in states.splitlines(keepends=True) if f" {node} EXECUTE {job} " in line)
    assert events.count(execute) == states.count(line) == 1
    stamp = execute.split(") ", 1)[1][:19]
    held = f"012 ({cluster}.000.000) {stamp} Job was held.\n\t{HOLD_REASON}\n\tCode 34 Subcode 102\n...\n"
    released = (
        f"013 ({cluster}.000.000) {stamp} Job was released.\n\tvia condor_release (by user scientist)\n...\n"
    )
    submit_dir.nodes_log.write_text(events.replace(execute, execute + 2 * (held + released + execute)))
    words = [line.replace(" EXECUTE ", f" {word} ") for word in ("JOB_HELD", "JOB_RELEASED", "EXECUTE")]
    submit_dir.jobstate_log.write_text(states.replace(line, line + 2 * "".join(words)))


def in_child(run: Prepared, kill_at: int | None, mutate: Patch | None = None) -> int:
    """Catch up in a process of its own that gets SIGKILL at its step `kill_at`; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest, "TURN_BYTES", run.turn_bytes)
            patch.setattr(job_logs, "_NODES_LOG_BYTES", 2 * run.turn_bytes)
            unsynchronized(patch)
            if mutate:
                mutate(patch)
            steps_of(patch, killer(kill_at))
            session.catch_up(run.submit_dir, Limits(database=0.0))
            code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def killer(kill_at: int | None) -> Callable[[], None]:
    """Counts steps, and at one of them sends its own process the signal that nobody can catch."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def undisturbed(run: Prepared) -> dict[str, Rows]:
    """What the database is to be in the end."""
    run.fresh()
    assert in_child(run, None) == 0
    return dump(run.submit_dir.database)


def killed_at(run: Prepared, step: int, mutate: Patch | None = None) -> dict[str, Rows] | None:
    """The database after a death at one step and a second start; None if the run has no such step."""
    run.fresh()
    first = in_child(run, step, mutate)
    if first == 0:
        return None
    assert first == -signal.SIGKILL
    assert in_child(run, None) == 0
    check_sound(run.submit_dir.database)
    return dump(run.submit_dir.database)


@pytest.mark.timeout(
    1200
)  # two processes for each of 220 to 260 steps: half a minute alone, far more on a busy machine
def test_killed_at_any_step_the_database_ends_as_if_undisturbed(run, killing):
    expected = undisturbed(run)
    steps, wrong = 0, []
    while (final := killed_at(run, steps + 1)) is not None:
        steps += 1
        if final != expected:
            wrong.append(steps)
    assert wrong == []
    assert steps >= killing.least


def test_a_store_that_commits_cursors_apart_from_rows_would_be_found_out(run):
    expected = undisturbed(run)
    finals = (killed_at(run, step, cursors_apart) for step in range(10, 200, 3))
    assert any(final is not None and final != expected for final in finals)


def test_the_runs_have_what_they_are_chosen_for(run, killing):
    undisturbed(run)
    count = {
        "failing-condorio": "SELECT count(*) FROM jobstate WHERE state IN ('JOB_HELD', 'JOB_RELEASED')"
        f" AND (state = 'JOB_RELEASED' OR reason = '{HOLD_REASON}')",
        "lclust": "SELECT count(*) FROM job WHERE clustered",
        "subwf-dax-hooks": "SELECT count(*) FROM workflow WHERE parent_wf_id IS NOT NULL",
    }[killing.archive]
    ((found,),) = query(run.submit_dir.database, count)
    assert found == {"failing-condorio": 4, "lclust": 4, "subwf-dax-hooks": 1}[killing.archive]
    if killing.archive == "failing-condorio":
        attempts = (
            "SELECT count(*) FROM job_instance JOIN job USING (job_id) WHERE exec_job_id = 'flag_needflag'"
        )
        assert query(run.submit_dir.database, attempts) == [(3,)]
