"""All rows of every recorded run, our own tables too, as they were before the packages got rooms (commit 96d06f2).

`recorded_rows.json` has, for each run and each log it is read from, the number of rows of a table and a digest of them.
Where rows change on purpose, say in the commit which and why, and take the new line from the failure.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from tests.golden.recording.test_recorded_hierarchies import HIERARCHIES
from tests.golden.recording.test_recorded_runs import ALL
from tests.support.database import dump, query
from tests.support.recorded import as_it_ran, prepare

BEFORE = json.loads(Path(__file__).with_name("recorded_rows.json").read_text())
READ_FROM = {"dagman.out": as_it_ran, "JOBSTATE_LOG": prepare}
OUR_OWN = {
    table: f"SELECT wf_uuid, {columns} FROM {table} t JOIN workflow USING (wf_id)"
    for table, columns in {
        "bridle_quarantine": "t.file, t.offset, t.reason, t.text",
        "bridle_workflow_metrics": "t.source, t.key, t.value, t.number",
        "bridle_subworkflow": "t.job, t.seq, t.directory, t.dag",
    }.items()
}


def digests(database: Path) -> dict[str, str]:
    """By table, of those that have rows: how many, and a digest of them in an order that is theirs."""
    ours = {table: sorted(query(database, statement), key=repr) for table, statement in OUR_OWN.items()}
    return {
        table: f"{len(rows)} {sha256(repr(rows).encode()).hexdigest()[:16]}"
        for table, rows in (dump(database) | ours).items()
        if rows
    }


def test_every_recorded_run_is_there():
    assert set(BEFORE) == {f"{run} {log}" for run in [*ALL, *HIERARCHIES] for log in READ_FROM}


@pytest.mark.parametrize("log", READ_FROM)
@pytest.mark.corpus
@pytest.mark.parametrize("run", [*ALL, *HIERARCHIES])
def test_the_rows_are_those_of_before(run, log, fresh_corpus):
    recorded = READ_FROM[log](fresh_corpus(run))
    catch_up(recorded.submit_dir, Limits())
    assert digests(recorded.submit_dir.database) == BEFORE[f"{run} {log}"]
