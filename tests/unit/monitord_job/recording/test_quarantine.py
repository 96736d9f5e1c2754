"""A log of nothing but junk fills neither the database nor memory."""

from __future__ import annotations

import pytest

from dag_rewriter.directory.submit_dir import open_dag
from dag_rewriter.logs.events import NodeLogEvent, NodeLogKind
from monitord_job.database.dialect import sqlite_url
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.recording.ingest import Ingest
from monitord_job.recording.quarantine import MAX_ROWS, TOO_MANY, bounded
from monitord_job.recording.store import Store
from monitord_job.stampede.rows import QuarantineRow, TaskEdgeRow
from monitord_job.stampede.state import RunState
from monitord_job.stampede.turn import MAX_DETAILS, Turn
from tests.support.database import query
from tests.support.growth import assert_linear


@pytest.mark.parametrize("opened", [1, 7])
def test_lines_of_a_log_that_mean_nothing(tmp_path, opened):
    (tmp_path / "w.dag").write_text("JOB A a.sub\n")
    (tmp_path / "a.sub").write_text("queue\n")
    lines = "".join(f"junk {number}\n" for number in range(200_000))
    sound = "1795410615 INTERNAL *** DAGMAN_STARTED 1.0 ***\n", "1795410616 A SUBMIT 2.0 - - 1\n"
    (tmp_path / "w.bridle.jobstate.log").write_text(sound[0] + lines + sound[1])
    directory = identified(open_dag(tmp_path / "w.dag"))
    at_end = False
    while not at_end:  # whoever is started anew goes on counting
        store = Store(sqlite_url(directory.database))
        ingest = Ingest(directory, store)
        ingest.open()
        for _ in range(opened):
            at_end = at_end or ingest.step().at_end
        store.close()
    kept = query(directory.database, "SELECT reason, text FROM bridle_quarantine ORDER BY offset")
    assert [text for _, text in kept] == [*(f"junk {number}" for number in range(MAX_ROWS)), ""]
    assert kept[-1][0] == TOO_MANY
    assert query(directory.database, "SELECT count(*) FROM job_instance") == [(1,)]


def test_rows_of_a_plan():
    row = TaskEdgeRow("a", "b")
    junk = [QuarantineRow("w.static.bp", number, "junk", "x") for number in range(3 * MAX_ROWS)]
    kept = list(bounded([*junk, row]))
    assert kept == [*junk[:MAX_ROWS], junk[MAX_ROWS]._replace(reason=TOO_MANY, text=""), row]


def test_events_of_one_job_for_which_nobody_asks():
    def read(number: int) -> int:
        turn = Turn(RunState("u", None, None, {}))
        detail = NodeLogEvent(NodeLogKind.EXECUTE, "7.0", "host")
        kept = sum(turn.add_detail(detail) for _ in range(number))
        assert len(turn.details_of("7.0")) == kept
        return kept

    assert_linear(read, lambda size: size, 10_000)
    assert read(1000) == MAX_DETAILS
