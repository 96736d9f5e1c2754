"""`bridle status` names what failed or is held and counts the rest: it says what it would say with all names."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job import schedd
from monitord_job.cli.common import open_run
from monitord_job.database.queries.run_values import WorkflowSummary
from monitord_job.database.queries.runs import summary
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.diagnosis.run_states import StoppedJob
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.status import read_status, read_to_tell, with_held
from monitord_job.readers.status_view import MOST_FAILURES, as_mapping, show
from tests.support.played import Played
from tests.support.recorded import prepare

RECORDED = ["recorded/diamond-condorio", "recorded/fan100-missinginput", "recorded/lclust"]
DAG = """\
JOB fit a.sub
JOB sum a.sub
JOB plot a.sub
JOB web a.sub
JOB mark a.sub DONE
SERVICE watch a.sub
PARENT fit CHILD sum
PARENT sum CHILD plot
"""


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, answer in {"dagman_jobs": [], "node_jobs": [], "machine": ""}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """`fit` has failed in each of two attempts, `web` runs, the service has failed."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text(DAG)
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.say("web SUBMIT 98.0 - - 1")
    played.say("web EXECUTE 98.0 - - 1")
    played.attempt("watch", 7)
    played.attempt("fit", 3)
    played.attempt("fit", 4)
    return played


def shown(run: WorkflowSummary) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as printed:
        show(run, console)
    return printed.get()


def documents(run: WorkflowSummary) -> dict[str, object]:
    document = as_mapping(run)
    return {key: document[key] for key in ("jobs", "failed", "held", "held_below", "blocked", "state")}


def assert_told_alike(submit_dir: SubmitDir) -> WorkflowSummary:
    """The run, of which not all jobs have names."""
    whole = read_status(submit_dir)
    told, diagnosis = read_to_tell(submit_dir, None, MOST_FAILURES)
    whole = with_held(whole, diagnosis)
    assert shown(told) == shown(whole)
    in_json, _ = read_to_tell(submit_dir, None, sys.maxsize)
    assert documents(in_json) == documents(whole)
    return told


@pytest.mark.parametrize("run", RECORDED)
@pytest.mark.parametrize("share", [1, 2])
def test_recorded_runs_at_their_end_and_before(
    fresh_corpus: Callable[[str], Path], run: str, share: int
) -> None:
    submit_dir, _ = prepare(fresh_corpus(run))
    lines = submit_dir.jobstate_log.read_bytes().splitlines(keepends=True)
    submit_dir.jobstate_log.write_bytes(b"".join(lines[: len(lines) // share]))
    told = assert_told_alike(submit_dir)
    named = {job.status for job in told.jobs}
    assert NodeStatus.SUCCEEDED not in named
    assert len(told.jobs) < told.total


def test_what_a_failed_node_blocks_has_its_name(played: Played) -> None:
    told = assert_told_alike(played.write())
    (blocked,) = told.blocked
    assert (blocked.by, blocked.nodes) == ("fit", ("sum", "plot"))
    assert told.count()[NodeStatus.SUCCEEDED] == 1, "the one that is done from the beginning"
    assert told.others == {("compute", NodeStatus.RUNNING): 1}


def test_what_the_queue_has_on_hold_is_held(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    held = (StoppedJob("web", "98.0", "no space"), StoppedJob("below/b", "9.0", "no space"))
    monkeypatch.setattr("monitord_job.diagnosis.facts.stopped_jobs", lambda _: (held, ()))
    told = assert_told_alike(played.write())
    assert (told.count()[NodeStatus.HELD], told.held_below) == (1, 1)


def test_of_many_failures_the_first_have_their_names(fresh_corpus: Callable[[str], Path]) -> None:
    submit_dir, _ = prepare(fresh_corpus("recorded/fan100-missinginput"))
    whole = read_status(submit_dir)
    engine = open_database(database_of(submit_dir))
    some = summary(engine, submit_dir.wf_uuid or "", 5)
    engine.dispose()
    failed = [job for job in whole.jobs if job.status is NodeStatus.FAILED]
    assert list(some.jobs) == failed[:5]
    assert (some.count(), some.total) == (whole.count(), whole.total)
    assert some.count_by_type() == whole.count_by_type()
