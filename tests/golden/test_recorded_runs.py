"""Real runs, recorded with HTCondor 25 and pegasus-monitord: our database against the one that it made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dag_rewriter.submit_dir import open_submit_dir
from monitord_job.daemon import Limits
from monitord_job.session import catch_up, rebuild
from tests.database import Rows, check_sound, dump
from tests.recorded import prepare

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

HOSTNAME, HOST_MEMORY, POST_ARGV, END_REASON = 16, 4, 10, 5
"""Columns that differ (tests/database.py), with the reason in `comparable`."""


def blanked(rows: Rows, *columns: int) -> Rows:
    """The rows without some columns."""
    return sorted((tuple(None if i in columns else v for i, v in enumerate(row)) for row in rows), key=repr)


def comparable(tables: dict[str, Rows]) -> dict[str, Rows]:
    """The tables without what the peer has wrong or leaves out."""
    return {
        **tables,
        # The record of 5.x calls the host uname_nodename, which the peer does not read: it stores "unknown".
        "job_instance": blanked(tables["job_instance"], HOSTNAME),
        # ... and it looks for the memory under the name that the XML records of 4.x had.
        "host": blanked(tables["host"], 1, HOST_MEMORY),
        # The peer keeps the blank between a script and its arguments.
        "invocation": sorted(
            (tuple(v.strip() if i == POST_ARGV and isinstance(v, str) else v for i, v in enumerate(row)))
            for row in tables["invocation"]
        ),
        # Only dagman.out says why DAGMan left.
        "workflowstate": blanked(tables["workflowstate"], END_REASON),
    }


@pytest.mark.parametrize("run", RUNS)
def test_the_rows_are_those_of_the_peer(run, fresh_corpus):
    submit_dir, peer = prepare(fresh_corpus(f"recorded/{run}"))
    catch_up(submit_dir, Limits())
    check_sound(submit_dir.database)
    ours, theirs = comparable(dump(submit_dir.database)), comparable(dump(peer))
    for table in theirs:
        assert ours[table] == theirs[table], table


def test_a_copied_directory_is_rebuilt_to_the_same_rows(fresh_corpus, work_dir):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    catch_up(submit_dir, Limits())
    copy = open_submit_dir(Path(shutil.copytree(submit_dir.path, work_dir / "elsewhere")))
    rebuild(copy, Limits())
    assert dump(copy.database) == dump(submit_dir.database)
    assert not copy.database.with_name(copy.database.name + ".rebuild").exists()
