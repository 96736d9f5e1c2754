"""A database that cannot be read any more is rebuilt all the same, and nothing of it is thrown away."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from tests.support.database import check_sound, dump, query
from tests.support.upgraded import VERSIONS, Half, half_way


@pytest.fixture
def half(work_dir: Path) -> Half:
    """A run that is half stored, with notifications of every fate."""
    return half_way(VERSIONS[-1], "sqlite", work_dir, None)["fan"]


def destroy(database: Path, table: str) -> None:
    """The first page of a table is overwritten, as by a broken disk."""
    with closing(sqlite3.connect(database)) as file:
        ((page,),) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchall()
        ((size,),) = file.execute("PRAGMA page_size").fetchall()
    with database.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)


_OUTBOX = "SELECT key, state, tries FROM bridle_notification"


def outbox(database: Path) -> dict[object, tuple[object, object]]:
    return {key: (state, tries) for key, state, tries in query(database, _OUTBOX)}


def rows_of_the_logs(half: Half, work_dir: Path) -> object:
    url = f"sqlite:///{work_dir}/anew.db"
    session.catch_up(half.submit_dir, Limits(), url=url)
    return dump(work_dir / "anew.db")


def test_rows_that_cannot_be_read_cost_no_notification(half, work_dir, caplog):
    database = half.submit_dir.database
    before = outbox(database)
    destroy(database, "jobstate")
    session.rebuild(half.submit_dir, Limits())
    after = outbox(database)
    assert before.items() <= after.items()
    assert {state for state, _ in (after[key] for key in after.keys() - before.keys())} == {"due"}
    check_sound(database)
    assert dump(database) == rows_of_the_logs(half, work_dir)
    assert "what the logs hold beyond them" in caplog.text


@pytest.mark.parametrize("table", ["bridle_notification", ""], ids=["outbox", "all"])
def test_an_outbox_that_cannot_be_read_is_kept_aside(half, work_dir, table, caplog):
    caplog.set_level(logging.INFO)
    database = half.submit_dir.database
    if table:
        destroy(database, table)
    else:
        database.write_bytes(b"no database" * 500)
    broken = database.read_bytes()
    session.rebuild(half.submit_dir, Limits())
    check_sound(database)
    assert dump(database) == rows_of_the_logs(half, work_dir)
    (aside,) = database.parent.glob(f"{database.name}.aside-*")
    if not table:
        assert aside.read_bytes() == broken
    assert str(aside) in caplog.text
    session.rebuild(half.submit_dir, Limits())
    assert [*database.parent.glob(f"{database.name}.aside-*")] == [aside]
