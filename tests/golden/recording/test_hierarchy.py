"""Sub-workflows, to any depth, by one monitor."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up, rebuild
from monitord_job.recording import ingest
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store, sqlite_url
from tests.support.database import check_sound, dump, query
from tests.support.recorded import dagman_lines, prepare


@pytest.fixture
def recorded(fresh_corpus):
    """The run with one sub-workflow; its JOBSTATE_LOG made like the root's."""
    found = prepare(fresh_corpus("recorded/subwf-dax-hooks"))
    (inner,) = found.submit_dir.path.rglob("inner_subwf1.000")
    below = open_submit_dir(inner)
    below.jobstate_log.write_bytes(dagman_lines(inner / "jobstate.log"))
    return found


def test_the_rows_of_both_workflows_are_those_of_the_peer(recorded):
    submit_dir, peer = recorded
    catch_up(submit_dir, Limits())
    check_sound(submit_dir.database)
    ours, theirs = dump(submit_dir.database), dump(peer)
    for table in (
        "workflow",
        "task",
        "task_edge",
        "job",
        "job_edge",
        "jobstate",
        "rc_lfn",
        "rc_meta",
        "rc_pfn",
    ):
        assert ours[table] == theirs[table], table
    linked = (
        "SELECT j.exec_job_id, w.wf_uuid, w.parent_wf_id, w.root_wf_id FROM job_instance i JOIN job j USING (job_id) "
        "JOIN workflow w ON w.wf_id = i.subwf_id"
    )
    assert query(submit_dir.database, linked) == query(peer, linked) != []
    assert query(submit_dir.database, "SELECT settled FROM bridle_subworkflow") == [(1,)]


def test_a_rebuild_and_a_second_look_change_nothing(recorded):
    submit_dir, _ = recorded
    catch_up(submit_dir, Limits())
    before = dump(submit_dir.database)
    catch_up(submit_dir, Limits())
    assert dump(submit_dir.database) == before
    rebuild(submit_dir, Limits())
    assert dump(submit_dir.database) == before


def grow(logs: list[Path], size: int):
    """Empty the logs, and let them grow again by pieces, one after the other; yields after each piece."""
    whole = [log.read_bytes() for log in logs]
    for log in logs:
        log.write_bytes(b"")
    longest = max(len(data) for data in whole)
    for start in range(0, longest, size):
        for log, data in zip(logs, whole, strict=True):
            with log.open("ab") as stream:
                stream.write(data[start : start + size])
        yield


@pytest.mark.parametrize("size", [100, 777])
def test_restarted_at_every_piece_of_growing_logs_it_ends_the_same(recorded, monkeypatch, size):
    submit_dir, _ = recorded
    catch_up(submit_dir, Limits())
    undisturbed = dump(submit_dir.database)
    submit_dir.database.unlink()
    monkeypatch.setattr(ingest, "TURN_BYTES", 200)
    logs = [submit_dir.jobstate_log, *submit_dir.path.rglob("inner-0.bridle.jobstate.log")]
    assert len(logs) == 2
    for _ in grow(logs, size):
        store = Store(sqlite_url(submit_dir.database))
        again = Hierarchy(submit_dir, store)
        again.open()
        again.step()
        store.close()
    catch_up(submit_dir, Limits())
    check_sound(submit_dir.database)
    assert dump(submit_dir.database) == undisturbed


def test_a_sub_workflow_that_cannot_be_read_is_named_and_costs_the_others_nothing(recorded):
    submit_dir, peer = recorded
    (inner,) = submit_dir.path.rglob("inner-0.dag")
    inner.write_bytes(b"JOB\n")
    catch_up(submit_dir, Limits())
    root_only = "SELECT count(*) FROM job_instance JOIN job USING (job_id) WHERE wf_id = 1"
    assert query(submit_dir.database, root_only) == query(peer, root_only)
    ((file, reason),) = query(submit_dir.database, "SELECT file, reason FROM bridle_quarantine")
    assert str(file).endswith("inner_subwf1.000/inner-0.dag")
    assert reason
