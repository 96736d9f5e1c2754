"""Replica catalogs in SQLite: Pegasus's JDBCRC, also the BASE.replicas.db of a run. Tables rc_lfn, rc_pfn, rc_meta."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from planner_ext.catalogs.formats.replica_lines import attributes_of, of_attributes
from planner_ext.catalogs.model.replica import REGEX, Place, Replica
from planner_ext.errors import CatalogError

Connection = sqlite3.Connection
_NO_SITE = "NULL"
"""what the planner stores for a site that is not said"""

# As pegasus-db-admin creates them (schema 5.1.3).
_SCHEMA = """
CREATE TABLE rc_lfn (
    lfn_id INTEGER NOT NULL PRIMARY KEY, lfn VARCHAR(245) NOT NULL, CONSTRAINT "UNIQUE_LFN" UNIQUE (lfn));
CREATE TABLE rc_pfn (
    pfn_id INTEGER NOT NULL PRIMARY KEY, lfn_id INTEGER NOT NULL, pfn VARCHAR(245) NOT NULL, site VARCHAR(245),
    FOREIGN KEY(lfn_id) REFERENCES rc_lfn (lfn_id) ON DELETE CASCADE,
    CONSTRAINT "UNIQUE_PFN" UNIQUE (lfn_id, pfn, site));
CREATE TABLE rc_meta (
    lfn_id INTEGER NOT NULL, "key" VARCHAR(245) NOT NULL, value VARCHAR(245) NOT NULL, PRIMARY KEY (lfn_id, "key"),
    FOREIGN KEY(lfn_id) REFERENCES rc_lfn (lfn_id) ON DELETE CASCADE);
"""
_PLACES = """
SELECT l.lfn_id, l.lfn, p.pfn, p.site FROM rc_lfn l LEFT JOIN rc_pfn p ON p.lfn_id = l.lfn_id
ORDER BY l.lfn_id, p.pfn_id
"""
_META = 'SELECT lfn_id, "key", value FROM rc_meta ORDER BY lfn_id'


@contextmanager
def opened(path: Path, mode: str = "ro") -> Iterator[sqlite3.Connection]:
    """The database of a file that is there. CatalogError for what is none."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=60)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
    except sqlite3.Error as error:
        hint = "name a database with the tables rc_lfn, rc_pfn and rc_meta (`pegasus-db-admin create` makes them)"
        raise CatalogError(str(path), f"it cannot be used as a replica catalog: {error}", hint) from error


def read(path: Path) -> Iterator[Replica]:
    """The entries by their ids, one for each name. CatalogError."""
    with opened(path) as connection:
        metadata = connection.cursor().execute(_META)
        row = next(metadata, None)
        for (number, lfn), rows in groupby(
            connection.cursor().execute(_PLACES), lambda one: (one[0], one[1])
        ):
            attributes: dict[str, str] = {}
            while row is not None and row[0] <= number:
                if row[0] == number:
                    attributes[str(row[1])] = str(row[2])
                row = next(metadata, None)
            places = tuple(
                Place(one[2], None if one[3] == _NO_SITE else one[3]) for one in rows if one[2] is not None
            )
            said = of_attributes(lfn, "", attributes)
            yield Replica(lfn, places, said.regex, said.checksum, said.metadata)


def create(path: Path, replicas: Iterable[Replica]) -> None:
    """A database of its own with these entries. CatalogError for a pattern, which it cannot hold."""
    with opened(path, "rwc") as connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        connection.execute("BEGIN")
        for replica in replicas:
            insert(connection, replica)
        connection.execute("COMMIT")


def insert(connection: sqlite3.Connection, replica: Replica) -> None:
    """Add places to a name, and metadata; what is there already stays, a new value of a key replaces the old one."""
    attributes = attributes_of(replica)
    if attributes.pop(REGEX, None):
        what = f"{replica.lfn!r} is a pattern, and JDBCRC has none"
        raise CatalogError("replica catalog", what, "write YAML or regex")
    connection.execute("INSERT OR IGNORE INTO rc_lfn (lfn) VALUES (?)", (replica.lfn,))
    (number,) = connection.execute("SELECT lfn_id FROM rc_lfn WHERE lfn = ?", (replica.lfn,)).fetchone()
    connection.executemany(
        "INSERT OR IGNORE INTO rc_pfn (lfn_id, pfn, site) VALUES (?, ?, ?)",
        [(number, place.pfn, place.site or _NO_SITE) for place in replica.places],
    )
    connection.executemany(
        'INSERT OR REPLACE INTO rc_meta (lfn_id, "key", value) VALUES (?, ?, ?)',
        [(number, key, value) for key, value in attributes.items()],
    )


def delete(connection: sqlite3.Connection, lfn: str, pfn: str | None, site: str | None) -> int:
    """Remove places of a name, all if none is said, and the name with its last place; how many places went."""
    condition, values = "lfn_id = (SELECT lfn_id FROM rc_lfn WHERE lfn = ?)", [lfn]
    for column, value in (("pfn", pfn), ("site", site)):
        if value is not None:
            condition += f" AND {column} = ?"
            values.append(value)
    count = connection.execute(f"DELETE FROM rc_pfn WHERE {condition}", values).rowcount
    unused = "lfn = ? AND NOT EXISTS (SELECT 1 FROM rc_pfn p WHERE p.lfn_id = rc_lfn.lfn_id)"
    connection.execute(f"DELETE FROM rc_lfn WHERE {unused}", (lfn,))
    return count
