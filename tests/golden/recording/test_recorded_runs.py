"""Real runs, recorded with HTCondor 10 and 25 and pegasus-monitord: our database against the one that it made.

The events of a run are in dagman.out, or in a JOBSTATE_LOG: both must give the same rows. Runs with sub-workflows:
test_recorded_hierarchies.py. Every difference is named here with its reason; D10 is the number of a defect of
pegasus-monitord 5.1.3 in the list of those proven by experiment, the others are not in that list.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up, rebuild
from monitord_job.recording import ingest
from monitord_job.recording.store import Store, sqlite_url
from tests.conftest import OWN, source, wherever
from tests.support.database import Rows, check_sound, dump, query
from tests.support.recorded import Recorded, as_it_ran, prepare

RUNS = [
    "diamond-condorio",
    "diamond-sharedfs",
    "failing-condorio",
    "fan100-missinginput",
    "killboth",
    "killmonitord",
    "lclust",
    "notify",
    "dagman-profiles-removed",
]
SAMPLES = ["process_wf_failure", "process_wf_success", "sample_wf_held"]
ALL = [f"recorded/{run}" for run in RUNS] + [f"samples/{run}" for run in SAMPLES]
EVERY = [*wherever("", ALL), pytest.param("recorded/held", marks=pytest.mark.own)]
"""Those of the corpus, and what the fixtures have of them and more."""

STDOUT_TEXT, HOSTNAME, HOST_MEMORY, POST_ARGV, END_REASON = 11, 16, 4, 10, 5
"""Columns that differ (tests/support/database.py), with the reason in `comparable`."""


def blanked(rows: Rows, *columns: int) -> Rows:
    """The rows without some columns."""
    return sorted((tuple(None if i in columns else v for i, v in enumerate(row)) for row in rows), key=repr)


def stripped(rows: Rows, column: int) -> Rows:
    """The rows without blanks around a text."""
    return sorted(
        tuple(v.strip() if i == column and isinstance(v, str) else v for i, v in enumerate(row))
        for row in rows
    )


def without_blanks_at_line_ends(rows: Rows) -> Rows:
    return sorted(
        (
            tuple(
                re.sub(" +%0A", "%0A", v) if i == STDOUT_TEXT and isinstance(v, str) else v
                for i, v in enumerate(row)
            )
            for row in rows
        ),
        key=repr,
    )


def comparable(tables: dict[str, Rows]) -> dict[str, Rows]:
    """The tables without what the peer has wrong or leaves out."""
    return {
        **tables,
        # The record of 5.x calls the host uname_nodename, which the peer does not read: it stores "unknown". Into the
        # stdout of pegasus-transfer, Pegasus 5.0's monitord put a blank that is not in the file.
        "job_instance": without_blanks_at_line_ends(blanked(tables["job_instance"], HOSTNAME)),
        # ... and it looks for the memory under the name that the XML records of 4.x had.
        "host": blanked(tables["host"], 1, HOST_MEMORY),
        # The peer keeps the blank between a script and its arguments.
        "invocation": sorted(
            (tuple(v.strip() if i == POST_ARGV and isinstance(v, str) else v for i, v in enumerate(row)))
            for row in tables["invocation"]
        ),
    }


def as_they_are(rows: Rows) -> Rows:
    return rows


def by_time(row: tuple[object, ...]) -> tuple[object, object]:
    return row[2], row[1]


def held(rows: Rows) -> Rows:
    kept = [row for row in rows if row[4] not in ("SHADOW_EXCEPTION", "JOB_HELD_REASON")]
    return stripped(blanked(kept, 3), 6)


EXCUSED: dict[tuple[str, str], Callable[[Rows], Rows]] = {
    # D10: DAGMan was killed and went on in recovery. The peer takes that for an end (status 2) and a rescue run.
    ("recorded/killboth", "workflowstate"): lambda rows: blanked(
        [min(rows, key=by_time), max(rows, key=by_time)], 3
    ),
    # The peer does not store SHADOW_EXCEPTION but counts it, and keeps the blank before a reason.
    ("samples/sample_wf_held", "jobstate"): held,
    # It takes an exit code for a wait status: of a job that was removed it says 1, which would be a signal.
    ("samples/sample_wf_held", "invocation"): lambda rows: blanked(rows, 7),
    # It does not look for the host of a job without a record, which PegasusLite says in stderr.
    ("samples/sample_wf_held", "job_instance"): lambda rows: blanked(
        rows, HOSTNAME, HOSTNAME + 1, HOSTNAME + 2
    ),
    ("samples/sample_wf_held", "host"): lambda rows: [row for row in rows if row[0] != "condorpool"],
}
"""Tables that differ from the peer's, with what they have in common."""
OWN_EXCUSED: dict[tuple[str, str], Callable[[Rows], Rows]] = {
    # As in the sample; and JOB_HELD is as old there as the line of dagman.out that gives the reason.
    ("recorded/held", "jobstate"): lambda rows: [row for row in held(rows) if row[4] != "JOB_HELD"],
    # What became of two jobs after DAGMan had left stands in the jobs' own log, which it does not read.
    ("recorded/dagman-profiles-removed", "jobstate"): lambda rows: [
        row
        for row in rows
        if (row[1], row[4])
        not in (("analyze_ID0000004", "JOB_ABORTED"), ("clean_up_condorpool_level_4_0", "JOB_SUCCESS"))
    ],
}
"""The same for the fixtures."""


def stored(recorded: Recorded) -> dict[str, Rows]:
    catch_up(recorded.submit_dir, Limits())
    check_sound(recorded.submit_dir.database)
    unread = "SELECT * FROM bridle_quarantine WHERE file LIKE '%.dagman.out' OR file LIKE '%.log'"
    assert query(recorded.submit_dir.database, unread) == []
    return comparable(dump(recorded.submit_dir.database))


@pytest.mark.parametrize("run", EVERY)
def test_from_dagman_out_the_rows_are_those_of_the_peer(run, fresh_corpus, request):
    recorded = as_it_ran(fresh_corpus(run))
    ours, theirs = stored(recorded), comparable(dump(recorded.peer_database))
    excused = EXCUSED | OWN_EXCUSED if source(request.node) == OWN else EXCUSED
    for table in theirs:
        excuse = excused.get((run, table))
        if excuse is None:
            assert ours[table] == theirs[table], table
        else:
            assert ours[table] != theirs[table], f"{table} needs no excuse any more"
            assert excuse(ours[table]) == excuse(theirs[table]), table


LEFT_OUT_OF_THE_PEERS_LOG: dict[tuple[str, str], Callable[[Rows], Rows]] = {
    # Its jobstate.log has the end that the peer invented.
    ("recorded/killboth", "workflowstate"): EXCUSED["recorded/killboth", "workflowstate"],
    # After that end, the jobs' own log says how those left that ran yet.
    ("recorded/killboth", "jobstate"): lambda rows: [
        row for row in rows if row[4] not in ("JOB_TERMINATED", "JOB_SUCCESS")
    ],
    ("recorded/held", "jobstate"): OWN_EXCUSED["recorded/held", "jobstate"],
    # It does not have the reason, nor how DAGMan judged the job that was removed.
    ("samples/sample_wf_held", "jobstate"): lambda rows: blanked(
        [row for row in held(rows) if row[4] != "JOB_FAILURE"], 6
    ),
}


@pytest.mark.parametrize("run", EVERY)
def test_from_a_jobstate_log_the_rows_are_the_same(run, corpus, fresh_corpus, work_dir):
    from_dagman_out = stored(as_it_ran(fresh_corpus(run)))
    shutil.copytree(corpus(run), work_dir / "again", symlinks=True)
    from_jobstate_log = stored(prepare(work_dir / "again"))
    for table, rows in from_dagman_out.items():
        excuse = LEFT_OUT_OF_THE_PEERS_LOG.get((run, table), as_they_are)
        ours, theirs = excuse(rows), excuse(from_jobstate_log[table])
        if table == "workflowstate":  # only dagman.out says why DAGMan left
            ours, theirs = blanked(ours, END_REASON), blanked(theirs, END_REASON)
        assert ours == theirs, table


@pytest.mark.parametrize("run", wherever("", ["recorded/killboth", "samples/sample_wf_held"]))
def test_from_dagman_out_a_monitor_that_starts_again_and_again_stores_the_same(
    run, corpus, work_dir, monkeypatch
):
    folders = [work_dir / "at-once", work_dir / "by-pieces"]
    for folder in folders:
        shutil.copytree(corpus(run), folder, symlinks=True)
    undisturbed = stored(as_it_ran(folders[0]))
    submit_dir = as_it_ran(folders[1]).submit_dir
    monkeypatch.setattr(ingest, "TURN_BYTES", 1500)
    while True:
        with closing(Store(sqlite_url(submit_dir.database))) as store:
            reader = ingest.Ingest(submit_dir, store)
            reader.open()
            if not reader.step().lines:
                break
    assert comparable(dump(submit_dir.database)) == undisturbed


def test_a_monitor_that_is_there_first_finds_out_which_log_dagman_writes(fresh_corpus):
    submit_dir, _ = as_it_ran(fresh_corpus("recorded/diamond-condorio"))
    lines = submit_dir.dagman_out.read_bytes()
    submit_dir.dagman_out.write_bytes(b"")
    with closing(Store(sqlite_url(submit_dir.database))) as store:
        reader = ingest.Ingest(submit_dir, store)
        reader.open()
        for end in (0, lines.index(b"Bootstrapping..."), len(lines)):
            submit_dir.dagman_out.write_bytes(lines[:end])
            read = reader.step().lines
            assert bool(read) == (end == len(lines))
        # ... and stays with it.
        submit_dir.jobstate_log.write_bytes(b"1795410615 INTERNAL *** DAGMAN_STARTED 99.0 ***\n")
        assert reader.step().lines == 0
        again = ingest.Ingest(submit_dir, store)
        again.open()
        assert again.step().lines == 0
        assert again.ended


def test_a_copied_directory_is_rebuilt_to_the_same_rows(fresh_corpus, work_dir):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    catch_up(submit_dir, Limits())
    copy = open_submit_dir(Path(shutil.copytree(submit_dir.path, work_dir / "elsewhere")))
    rebuild(copy, Limits())
    assert dump(copy.database) == dump(submit_dir.database)
    assert not copy.database.with_name(copy.database.name + ".rebuild").exists()
