"""Runs that an earlier program left half way, from tests/upgrades: its database, and what it said of it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Engine, create_engine, inspect, text

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.unplanned_identity import identified
from tests.support.rules import confirm_all

ARCHIVES = Path(__file__).resolve().parents[1] / "upgrades"
VERSIONS = sorted(
    int(path.name[len("schema-") : -len(".tar.xz")]) for path in ARCHIVES.glob("schema-*.tar.xz")
)
KINDS = ("sqlite", "postgresql")
RUNS = {"fan": "fan", "top": "top/top.dag"}
_NAMES_THE_PLACE = re.compile(r".*(\.sql|\.json|\.bridle-notify|/tell\.sh)")
"""Files in which the scripts of rules get their new place. All else is of a run that was copied elsewhere."""

Tables = dict[str, list[tuple[object, ...]]]


class Half(NamedTuple):
    """A run in the middle, with the logs of its end; `url` where the database is no file of the directory."""

    name: str
    submit_dir: SubmitDir
    url: str | None
    said: Mapping[str, Any]
    """what `bridle COMMAND --json` of the program of then said, by command"""

    @property
    def database(self) -> Path | str:
        return self.url or self.submit_dir.database

    @property
    def target(self) -> str:
        """As commands take it."""
        return str(self.submit_dir.path if self.submit_dir.is_planned else self.submit_dir.dag_file)

    @property
    def words(self) -> list[str]:
        """For commands that take a URL and a run."""
        return [*(["--url", self.url] if self.url else []), self.target]


def half_way(version: int, kind: str, folder: Path, url: str | None) -> dict[str, Half]:
    """The runs by name, below `folder`; with PostgreSQL, `url` names the empty database that both go to."""
    with tarfile.open(ARCHIVES / f"schema-{version}.tar.xz") as tar:
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)
        tar.extractall(folder, [item for item in tar.getmembers() if item.name.startswith(f"./{kind}")])
    place = folder / kind
    moved = {(place / f"{name}.path").read_text().strip(): str(place / name) for name in RUNS}
    for path in place.rglob("*"):
        if path.is_file() and _NAMES_THE_PLACE.fullmatch(str(path)):
            _move(path, moved)
    confirm_all(place, "*.bridle-notify")
    runs = {}
    for name, target in RUNS.items():
        said = {
            word: json.loads((place / f"{name}.{word}.json").read_text())
            for word in ("status", "notifications")
        }
        runs[name] = Half(name, identified(open_target(place / target)), url, said)
        if url is None:
            with sqlite3.connect(runs[name].submit_dir.database) as file:
                file.executescript((place / f"{name}.sql").read_text())
            file.close()
    if url is not None:
        with psycopg.connect(url) as connection:
            connection.execute(os.fsencode((place / "both.sql").read_text()))
    return runs


def _move(path: Path, moved: Mapping[str, str]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        if path.suffix != ".sql" or line.startswith('INSERT INTO "bridle_notification"'):
            for old, new in moved.items():
                lines[number] = lines[number].replace(old, new)
    path.write_text("".join(lines))


def engine_of(database: Path | str) -> Engine:
    """A connection to look behind the program's back."""
    if isinstance(database, Path):
        return create_engine(f"sqlite:///{database}")
    return create_engine(database.replace("postgresql:", "postgresql+psycopg:"))


def tables_of(database: Path | str, like: Iterable[str] = ()) -> Tables:
    """All rows of all tables by "table: columns", sorted; or of those tables and columns that another result names."""
    engine = engine_of(database)
    with engine.connect() as connection:
        there = inspect(connection)
        wanted = list(like) or [
            f"{table}: " + ", ".join(f'"{column["name"]}"' for column in there.get_columns(table))
            for table in there.get_table_names()
        ]
        found: Tables = {}
        for name in wanted:
            table, _, columns = name.partition(": ")
            rows = connection.execute(text(f"SELECT {columns} FROM {table}")).all()
            found[name] = sorted(map(tuple, rows), key=repr)
    engine.dispose()
    return found


def form_of(database: Path | str) -> dict[str, object]:
    """How the tables are made: columns in order, keys, indexes."""
    engine = engine_of(database)
    with engine.connect() as connection:
        there = inspect(connection)
        found: dict[str, object] = {}
        for table in there.get_table_names():
            columns = [
                (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in there.get_columns(table)
            ]
            indexes = sorted((str(i["name"]), i["column_names"]) for i in there.get_indexes(table))
            keys = there.get_pk_constraint(table)["constrained_columns"]
            foreign = sorted(str(key["constrained_columns"]) for key in there.get_foreign_keys(table))
            found[table] = (columns, keys, indexes, foreign)
    engine.dispose()
    return found
