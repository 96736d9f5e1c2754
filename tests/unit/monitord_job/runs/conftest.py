"""Runs of DAGs without Pegasus in a home of their own, and a queue that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from condor_templates.dagman_config import HOME
from dag_rewriter.directory.known_runs import note_run
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job import schedd
from monitord_job.condor_job import QueuedJob
from monitord_job.errors import ScheddError
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import identified
from tests.support.played import Played

MakeRun = Callable[..., SubmitDir]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv(HOME, raising=False)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[QueuedJob]:
    """What is in the queue; empty at first."""
    jobs: list[QueuedJob] = []
    monkeypatch.setattr(schedd, "all_dagmans_and_held", lambda: jobs)
    return jobs


@pytest.fixture
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise ScheddError("the queue", "the queue cannot be asked", "is HTCondor up?")

    monkeypatch.setattr(schedd, "all_dagmans_and_held", refuse)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A run of a DAG with three nodes in a folder: over, or only begun; stored, and in the registry."""

    def make(folder: str, dag: str = "x.dag", *, failing: bool = False, goes_on: bool = False) -> SubmitDir:
        place = tmp_path / "runs" / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "a.sub").write_text("executable = /bin/true\nqueue\n")
        (place / dag).write_text("JOB A a.sub\nJOB B a.sub\nJOB C a.sub\n")
        submit_dir = identified(open_target(place / dag))
        played = Played(submit_dir)
        if goes_on:
            played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
            played.attempt("A")
        else:
            played.all_nodes({"B": (3,)} if failing else {})
        played.write()
        catch_up(submit_dir, Limits())
        note_run(submit_dir)
        return submit_dir

    return make
