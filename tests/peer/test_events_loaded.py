"""Events that we wrote, loaded by pegasus-monitord's own parser and loader: the same database again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from monitord_job.event_stream.netlogger import BpFormat
from monitord_job.event_stream.sink import EventFile
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import identified
from tests.conftest import wherever
from tests.support.database import Rows, dump
from tests.support.recorded import as_it_ran

Load = Callable[[Path], dict[str, Rows]]
RUNS = [
    "recorded/dagman-profiles-removed",
    "recorded/failing-condorio",
    "recorded/killboth",
    "recorded/lclust",
    "recorded/subwf-dag-monitordcrash",
    "recorded/subwf-dax-hooks",
    "samples/hierarchical_wf_failure",
    "samples/sample_wf_held",
]
PLANNER_ARGUMENTS = 5


@pytest.mark.parametrize("run", wherever("", RUNS))
def test_the_events_of_a_recorded_run_make_its_database(run, fresh_corpus, load):
    folder = fresh_corpus(run)
    submit_dir = as_it_ran(folder).submit_dir
    path = folder / "events.bp"
    catch_up(submit_dir, Limits(), events=EventFile(str(path), BpFormat.BP))
    ours, loaded = dump(submit_dir.database), load(path)
    # The loader wants planner's arguments also of a DAG that nobody planned.
    ours["workflow"] = [with_text(row, PLANNER_ARGUMENTS) for row in ours["workflow"]]
    assert len(ours["jobstate"]) > 5
    for table, rows in ours.items():
        assert loaded[table] == rows, table


def test_the_events_of_a_dag_without_pegasus_make_its_database(work_dir, load):
    """With a PRE script that skips its node, a failed submission, a cluster of jobs, a NOOP node, a removed job."""
    run = Path(__file__).parents[1] / "golden" / "recording" / "dagman_out"
    shutil.copy(run / "t.dag", work_dir)
    shutil.copy(run / "plain.dagman.out", work_dir / "t.dag.dagman.out")
    submit_dir = identified(open_target(work_dir / "t.dag"))
    path = work_dir / "events.bp"
    catch_up(submit_dir, Limits(), events=EventFile(str(path), BpFormat.BP))
    ours, loaded = dump(submit_dir.database), load(path)
    ours["workflow"] = [with_text(row, PLANNER_ARGUMENTS) for row in ours["workflow"]]
    assert {("D", 0), ("G", 512), ("A", 0)} <= {(row[1], row[15]) for row in ours["job_instance"]}
    for table, rows in ours.items():
        assert loaded[table] == rows, table


def with_text(row: tuple[object, ...], column: int) -> tuple[object, ...]:
    return tuple((value or "") if number == column else value for number, value in enumerate(row))
