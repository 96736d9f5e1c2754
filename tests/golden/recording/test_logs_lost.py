"""Logs that are cut, replaced or rotated under the monitor: nothing twice or skipped, and what is lost is named."""

from __future__ import annotations

import os
import shutil
from contextlib import closing

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.recording import ingest
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store, sqlite_url
from tests.support.database import Rows, dump, query
from tests.support.recorded import as_it_ran, prepare

RUN = "recorded/failing-condorio"


def step_by_step(submit_dir: SubmitDir, steps: int | None = None) -> None:
    """Some steps of a monitor, or all there are."""
    with closing(Store(sqlite_url(submit_dir.database))) as store:
        hierarchy = Hierarchy(submit_dir, store)
        hierarchy.open()
        while steps != 0:
            progress = hierarchy.step()
            if progress.at_end and not progress.lines:
                break
            steps = None if steps is None else steps - 1


def lost(submit_dir: SubmitDir) -> Rows:
    return query(submit_dir.database, "SELECT file, reason FROM bridle_quarantine")


@pytest.fixture
def undisturbed(corpus, work_dir) -> dict[str, Rows]:
    shutil.copytree(corpus(RUN), work_dir / "undisturbed", symlinks=True)
    submit_dir = as_it_ran(work_dir / "undisturbed").submit_dir
    catch_up(submit_dir, Limits())
    return dump(submit_dir.database)


@pytest.mark.parametrize("read_before", [0, 1, 4, 10])
def test_a_rotated_dagman_out_is_read_to_its_end_first(read_before, undisturbed, fresh_corpus, monkeypatch):
    submit_dir = as_it_ran(fresh_corpus(RUN)).submit_dir
    monkeypatch.setattr(ingest, "TURN_BYTES", 4000)
    whole = submit_dir.dagman_out.read_bytes()
    middle = whole.index(b"\n", len(whole) // 2) + 1
    submit_dir.dagman_out.write_bytes(whole[:middle])
    step_by_step(submit_dir, read_before)
    # As DAGMan does it: by name, and with a new file.
    submit_dir.dagman_out.rename(f"{submit_dir.dagman_out}.old")
    submit_dir.dagman_out.write_bytes(whole[middle:])
    if read_before:
        step_by_step(submit_dir)
        assert dump(submit_dir.database) == undisturbed
        assert lost(submit_dir) == []
    else:  # what was rotated before anybody read it is nobody's
        step_by_step(submit_dir)
        assert dump(submit_dir.database) != undisturbed


def test_a_log_that_is_another_one_is_read_anew_and_the_loss_is_named(fresh_corpus, monkeypatch):
    submit_dir = as_it_ran(fresh_corpus(RUN)).submit_dir
    monkeypatch.setattr(ingest, "TURN_BYTES", 4000)
    whole = submit_dir.dagman_out.read_bytes()
    step_by_step(submit_dir, 4)
    second_run = whole.rindex(b"\n", 0, whole.rindex(b"STARTING UP")) + 1
    inode = submit_dir.dagman_out.stat().st_ino
    with submit_dir.dagman_out.open("r+b") as stream:  # in place, as a shell's > does
        stream.write(whole[second_run:])
        stream.truncate()
    os.utime(submit_dir.dagman_out)
    assert submit_dir.dagman_out.stat().st_ino == inode
    step_by_step(submit_dir)
    ((file, reason),) = lost(submit_dir)
    assert file == submit_dir.dagman_out.name
    assert "is lost" in str(reason)
    states = query(submit_dir.database, "SELECT state, status FROM workflowstate ORDER BY timestamp")
    assert states[-1] == ("WORKFLOW_TERMINATED", 0)
    doubled = "SELECT count(*) FROM jobstate GROUP BY job_instance_id, state, timestamp, jobstate_submit_seq"
    assert set(query(submit_dir.database, doubled)) == {(1,)}


def test_a_rescue_run_that_cuts_nodes_log_costs_only_what_was_unread_and_that_is_named(fresh_corpus):
    submit_dir = prepare(fresh_corpus(RUN)).submit_dir
    states, events = submit_dir.jobstate_log.read_bytes(), submit_dir.nodes_log.read_bytes()
    first_run = states[: states.index(b"DAGMAN_STARTED", states.index(b"DAGMAN_FINISHED"))].rpartition(b"\n")[
        0
    ]
    lines = first_run.splitlines(keepends=True)
    # What DAGMan kept of its first run when it began the second.
    submit_dir.jobstate_log.write_bytes(b"".join(lines[:20]))
    submit_dir.nodes_log.write_bytes(MADE_UP_EVENT * 40)
    step_by_step(submit_dir)
    assert lost(submit_dir) == []
    submit_dir.jobstate_log.write_bytes(states)
    submit_dir.nodes_log.write_bytes(events[: len(MADE_UP_EVENT) * 20])
    step_by_step(submit_dir)
    ((file, reason),) = lost(submit_dir)
    assert file == submit_dir.nodes_log.name
    assert "hosts, hold reasons and exit codes" in str(reason)
    assert {row[4] for row in dump(submit_dir.database)["workflowstate"]} == {None, 0, 1}


MADE_UP_EVENT = b"006 (9999.000.000) 2026-11-23 05:28:01 Image size of job updated: 1\n...\n"


def test_a_run_that_was_cut_off_has_all_that_was_told(fresh_corpus):
    submit_dir = as_it_ran(fresh_corpus(RUN)).submit_dir
    whole = submit_dir.dagman_out.read_bytes()
    submit_dir.dagman_out.write_bytes(whole[: len(whole) // 3])
    submit_dir.dagman_log.unlink()
    catch_up(submit_dir, Limits())
    assert query(submit_dir.database, "SELECT state FROM workflowstate") == [("WORKFLOW_STARTED",)]
    assert lost(submit_dir) == []
    submit_dir.dagman_out.write_bytes(whole)
    catch_up(submit_dir, Limits())
    ((states,),) = query(submit_dir.database, "SELECT count(*) FROM jobstate")
    assert states == 112
