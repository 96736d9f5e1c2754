"""Stands for pegasus-rc-client: registers output files in the SQLite replica catalog of a run.

Usage: rc_client --prefix PREFIX --conf PROPERTIES [-v] [--meta JOB.meta]... --insert FILE
FILE has lines `lfn pfn site="SITE"`, as register_*.in; JOB.meta gives attributes for the lfns that it names.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sqlite3
import sys

TABLES = """
CREATE TABLE IF NOT EXISTS rc_lfn (
    lfn_id INTEGER NOT NULL, lfn VARCHAR(245) NOT NULL,
    PRIMARY KEY (lfn_id), CONSTRAINT "UNIQUE_LFN" UNIQUE (lfn)
);
CREATE TABLE IF NOT EXISTS rc_meta (
    lfn_id INTEGER NOT NULL, "key" VARCHAR(245) NOT NULL, value VARCHAR(245) NOT NULL,
    PRIMARY KEY (lfn_id, "key"), FOREIGN KEY(lfn_id) REFERENCES rc_lfn (lfn_id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS rc_pfn (
    pfn_id INTEGER NOT NULL, lfn_id INTEGER NOT NULL, pfn VARCHAR(245) NOT NULL, site VARCHAR(245),
    PRIMARY KEY (pfn_id), FOREIGN KEY(lfn_id) REFERENCES rc_lfn (lfn_id) ON DELETE CASCADE,
    CONSTRAINT "UNIQUE_PFN" UNIQUE (lfn_id, pfn, site)
);
"""


def database_of(properties: str, prefix: str) -> str:
    """The SQLite file in the text of a .properties file.

    >>> database_of("p.db.url=jdbc\\\\:sqlite\\\\:/a/b.db", "p")
    '/a/b.db'
    """
    for line in properties.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == f"{prefix}.db.url":
            return value.strip().replace("\\", "").removeprefix("jdbc:sqlite:")
    raise ValueError(f"the properties have no {prefix}.db.url")


def main(argv: list[str]) -> int:
    """Insert all lines in one transaction; a line that is there already changes nothing."""
    options = argparse.ArgumentParser(prog="pegasus-rc-client", description=__doc__.splitlines()[0])
    options.add_argument("--prefix", required=True)
    options.add_argument("--conf", required=True)
    options.add_argument("-v", action="count")
    options.add_argument("--meta", action="append", default=[])
    options.add_argument("--insert", required=True)
    given = options.parse_args(argv)
    with open(given.conf, encoding="utf-8") as stream:
        database = database_of(stream.read(), given.prefix)
    with open(given.insert, encoding="utf-8") as stream:
        lines = [words for line in stream if (words := shlex.split(line))]
    attributes = _attributes(given.meta)
    catalog = sqlite3.connect(database, timeout=60)
    with catalog:
        for lfn, pfn, *pairs in lines:
            site = dict(pair.split("=", 1) for pair in pairs).get("site")
            _insert(catalog, (lfn, pfn, site), attributes.get(lfn, {}))
    catalog.close()
    sys.stderr.write(
        f"#Successfully worked on    : {len(lines)} lines.\n"
        f"#Worked on total number of : {len(lines)} lines.\n"
    )
    return 0


def _insert(
    catalog: sqlite3.Connection, entry: tuple[str, str, str | None], attributes: dict[str, str]
) -> None:
    lfn, pfn, site = entry
    catalog.execute("INSERT OR IGNORE INTO rc_lfn (lfn) VALUES (?)", (lfn,))
    (lfn_id,) = catalog.execute("SELECT lfn_id FROM rc_lfn WHERE lfn = ?", (lfn,)).fetchone()
    catalog.execute("INSERT OR IGNORE INTO rc_pfn (lfn_id, pfn, site) VALUES (?, ?, ?)", (lfn_id, pfn, site))
    rows = [(lfn_id, key, value) for key, value in attributes.items()]
    catalog.executemany('INSERT OR REPLACE INTO rc_meta (lfn_id, "key", value) VALUES (?, ?, ?)', rows)


def _attributes(paths: list[str]) -> dict[str, dict[str, str]]:
    attributes: dict[str, dict[str, str]] = {}
    for path in paths:
        with open(path, encoding="utf-8") as stream:
            attributes.update({entry["_id"]: entry["_attributes"] for entry in json.load(stream)})
    return attributes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
