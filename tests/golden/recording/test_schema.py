"""Our tables against those that Pegasus 5.1.3 creates."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine

from monitord_job.database.schema import METADATA
from monitord_job.recording.store import Store, sqlite_url


def described(connection: sqlite3.Connection) -> dict[str, tuple[list, list, list]]:
    """Columns, foreign keys and unique keys of each table."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {}
    for name in names:
        columns = [(r[1], r[2], r[3], r[5]) for r in connection.execute(f'PRAGMA table_info("{name}")')]
        foreign = [r[2:] for r in connection.execute(f'PRAGMA foreign_key_list("{name}")')]
        indexes = [
            (r[2], r[3], tuple(c[2] for c in connection.execute(f'PRAGMA index_info("{r[1]}")')))
            for r in connection.execute(f'PRAGMA index_list("{name}")')
        ]
        found[name] = (sorted(columns), sorted(foreign), sorted(indexes))
    return found


def test_every_table_of_pegasus_is_there_column_for_column(corpus, tmp_path: Path):
    (recorded,) = corpus("recorded/lclust").rglob("*.stampede.db")
    peer = sqlite3.connect(recorded)
    store = Store(sqlite_url(tmp_path / "ours.db"))
    store.create()
    store.close()
    ours = sqlite3.connect(tmp_path / "ours.db")
    theirs, mine = described(peer), described(ours)
    peer.close()
    ours.close()
    for table in set(theirs) - {"sqlite_sequence"}:
        assert mine[table] == theirs[table], table
    assert {name for name in mine if name not in theirs} == {
        name for name in mine if name.startswith("bridle_")
    }


def test_a_new_file_has_the_tables_that_sqlalchemy_makes(tmp_path: Path):
    """The statements are at hand: `python tools/sqlite_tables.py > monitord_job/database/sqlite_tables.py`."""
    store = Store(sqlite_url(tmp_path / "ours.db"))
    store.create()
    store.close()
    engine = create_engine(sqlite_url(tmp_path / "made.db"))
    METADATA.create_all(engine)
    engine.dispose()
    found = []
    for name in ("ours.db", "made.db"):
        connection = sqlite3.connect(tmp_path / name)
        said = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        found.append({name: "".join((sql or "").split()) for name, sql in said})
        connection.close()
    assert found[0] == found[1]
