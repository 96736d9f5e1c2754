"""Databases of each earlier version of our tables are taken up in place; what we do not understand stays as it is."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine

from monitord_job.cli.bridle_notify import notify
from monitord_job.database.bridle_tables import BRIDLE_VERSION
from monitord_job.database.migrations import MIGRATIONS, OLDEST_VERSION
from monitord_job.database.schema import METADATA
from monitord_job.database.url import database_of
from monitord_job.errors import TryAgainError
from monitord_job.lock import alone
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.recording.store import Store
from planner_ext.cli import run_command
from tests.support.database import check_sound, dump, query
from tests.support.upgraded import KINDS, RUNS, VERSIONS, Half, form_of, half_way, tables_of

RECORDED = [(version, kind) for version in VERSIONS for kind in KINDS]
_OVER = ("delivered", "failed")


@pytest.fixture(params=RECORDED, ids=lambda param: f"{param[0]}-{param[1]}")
def runs(request, work_dir, postgresql_server) -> dict[str, Half]:
    """Runs that the program of that version left half way."""
    version, kind = request.param
    return half_way(
        version, kind, work_dir, postgresql_server.new_database() if kind == "postgresql" else None
    )


@pytest.fixture(params=RUNS)
def half(request, runs) -> Half:
    return runs[request.param]


def take_up(half: Half) -> None:
    """What any program does that opens the database to write."""
    with closing(Store(database_of(half.submit_dir, half.url).url)) as store:
        store.create()


def plain(url: str | Path) -> str:
    return str(url).replace("postgresql+psycopg", "postgresql")


def execute(database: Path | str, statement: str) -> None:
    """Change a database behind the program's back."""
    if isinstance(database, str):
        with psycopg.connect(database) as connection:
            connection.execute(statement)
    else:
        with closing(sqlite3.connect(database)) as file, file:
            file.execute(statement)


def versions_of(half: Half) -> list[Any]:
    """Version, since when, made by whom."""
    rows = query(half.database, "SELECT * FROM bridle_schema ORDER BY version")
    return [(*row, None, None)[:3] for row in rows]


def without_version(tables: dict[str, Any]) -> dict[str, Any]:
    return {name: rows for name, rows in tables.items() if not name.startswith("bridle_schema:")}


def test_each_earlier_version_is_recorded():
    assert list(range(OLDEST_VERSION, BRIDLE_VERSION)) == VERSIONS
    assert sorted(MIGRATIONS) == list(range(OLDEST_VERSION + 1, BRIDLE_VERSION + 1))


def test_taken_up_it_has_the_tables_of_a_new_one(half, work_dir, postgresql_server):
    new = postgresql_server.new_database() if half.url else work_dir / "new.db"
    with closing(Store(plain(new) if half.url else f"sqlite:///{new}")) as store:
        store.create()
    assert form_of(half.database) != form_of(new)
    take_up(half)
    assert form_of(half.database) == form_of(new)


def test_taken_up_it_has_every_row_that_it_had(half):
    before, versions = without_version(tables_of(half.database)), versions_of(half)
    take_up(half)
    assert without_version(tables_of(half.database, before)) == before
    now = versions_of(half)
    assert now[:-1] == versions
    version, since, program = now[-1]
    assert version == BRIDLE_VERSION
    assert since > 1_700_000_000
    assert program.startswith("pegasus-bridle ")
    whole = tables_of(half.database)
    take_up(half)
    assert tables_of(half.database) == whole, "once is enough"


def test_the_record_has_rows_in_every_table_of_ours(runs):
    empty = [
        {name.partition(":")[0] for name, rows in tables_of(half.database).items() if not rows}
        for half in runs.values()
    ]
    assert [table for table in empty[0] & empty[1] if table.startswith("bridle_")] == []


@pytest.mark.parametrize("taken_up", [False, True], ids=["as-it-is", "taken-up"])
def test_commands_say_of_it_what_the_program_of_then_said(half, taken_up, capsys):
    """As it is: while a monitor of then is at work, nobody else takes it up."""
    if taken_up:
        take_up(half)
    assert half.said
    for command, said in half.said.items():
        with alone(half.submit_dir.lock, 0.0):
            assert run_command([command, "--json", *half.words]) == 0
        now = json.loads(capsys.readouterr().out)
        for answer in (said, now):
            answer.pop("diagnosis", None)  # of the queue, not of the database
        assert as_asked(now, said) == said


def as_asked(now: Any, then: Any) -> Any:
    """An answer without the keys that programs did not give then."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: as_asked(now[key], then[key]) for key in now if key in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [as_asked(*pair) for pair in zip(now, then, strict=True)]
    return now


def outbox(half: Half) -> dict[str, tuple[object, ...]]:
    rows = query(
        half.database,
        "SELECT key, state, tries, number, started, ended, argv FROM bridle_notification "
        f"WHERE root_wf_uuid = '{half.submit_dir.wf_uuid}'",
    )
    return {str(row[0]): row[1:] for row in rows}


def test_the_run_goes_on_where_it_was(half, work_dir):
    """To its end, and as if one program had done it all; nothing that was over is done again."""
    before, told_before = outbox(half), told(half)
    session.catch_up(half.submit_dir, Limits(), url=half.url, notify=True)
    if half.url is None:
        check_sound(half.submit_dir.database)
    after = outbox(half)
    assert {key: row for key, row in before.items() if row[0] in _OVER}.items() <= after.items()
    assert {row[0] for row in after.values()} <= {*_OVER}
    assert not [key for key, row in after.items() if row[0] == "failed" and "exit 3" not in str(row[-1])]
    keys_of_told = {key for key, row in after.items() if "tell.sh" in str(row[-1]) and key not in before}
    assert Counter(told(half)) - Counter(told_before) >= Counter(keys_of_told)
    assert max(Counter(told(half)).values()) == 1
    assert len(after) > len(before)
    stored, due = dump(half.database), told_of(half)
    session.rebuild(half.submit_dir, Limits(), url=half.url)
    assert outbox(half) == after
    assert dump(half.database) == stored
    anew = half._replace(url=f"sqlite:///{work_dir}/anew.db")
    session.catch_up(anew.submit_dir, Limits(), url=anew.url, notify=True)
    assert told_of(anew._replace(url=None), work_dir / "anew.db") == due, "all that there ever was to be told"


def told_of(half: Half, database: Path | None = None) -> list[tuple[object, ...]]:
    """What the outbox has, but for the keys: these depend on where the rules' script lies, which was elsewhere."""
    columns = "entity, occasion, argv"
    where = f"root_wf_uuid = '{half.submit_dir.wf_uuid}'"
    return sorted(
        query(database or half.database, f"SELECT {columns} FROM bridle_notification WHERE {where}")
    )


def told(half: Half) -> list[str]:
    return [line.split()[0] for line in (half.submit_dir.path / "told").read_text().splitlines()]


READERS = [["status"], ["status", "--json"], ["notifications"], ["recover"]]
WRITERS = [
    ["monitord", "--catch-up"],
    ["monitord", "--rebuild"],
    ["notifications", "--resend", "failed"],
]
MONITOR = ["monitord", "--follow", "--database-wait", "0"]
"""It waits for somebody to install that program, and leaves with 75 to be started again."""


def exit_code(half: Half, command: list[str]) -> int:
    words = half.words if command[0] != "recover" else [half.target]
    return run_command([*command, *words])


def notify_code(half: Half) -> int:
    words = ["--run", half.target, *half.words[:-1], "--to", "log:/dev/null", "--dry-run"]
    return run_command(words, notify, "bridle-notify")


def content(half: Half) -> object:
    """To the byte, or to the row."""
    return half.database.read_bytes() if isinstance(half.database, Path) else tables_of(half.database)


@pytest.fixture
def newer(half) -> Half:
    """Of a version that only a later program knows."""
    take_up(half)
    execute(
        half.database, "INSERT INTO bridle_schema (version, program) VALUES (999, 'pegasus-bridle 47.11')"
    )
    return half


@pytest.mark.parametrize("at_work", [False, True], ids=["alone", "beside-a-monitor"])
def test_a_newer_one_is_refused_and_left_as_it_is(newer, at_work, capfd):
    before = content(newer)
    if newer.url:  # what names no database on its command line has to find it
        newer.submit_dir.own_properties.write_text(f"pegasus.catalog.workflow.url = {newer.url}\n")
    for command in READERS if at_work else [*READERS, *WRITERS, MONITOR, ["run"], ["recover", "--fix"]]:
        with alone(newer.submit_dir.lock, 0.0) if at_work else nullcontext():
            words = [newer.target] if command[0] in ("run", "recover") else newer.words
            assert run_command([*command, *words]) == (75 if command is MONITOR else 2), command
        told = capfd.readouterr()
        said = told.out if "--json" in command else told.err.strip()
        assert "bridle schema 999" in said, command
        assert "use pegasus-bridle 47.11 or a later one" in said, command
        beginning = '  "exit_code": 2' if "--json" in command else "bridle: "
        assert any(line.startswith(beginning) for line in said.splitlines()[-2:]), command
        assert "Traceback" not in said
    if not at_work:
        assert notify_code(newer) == 2
        assert "bridle schema 999" in capfd.readouterr().err
    assert content(newer) == before
    assert [path.name for path in newer.submit_dir.path.glob("*.rebuild-*")] == []


@pytest.fixture
def foreign(half) -> Half:
    """Made by pegasus-monitord: the tables of Stampede and no others."""
    for table in reversed(METADATA.sorted_tables):
        if table.name.startswith("bridle_"):
            execute(half.database, f"DROP TABLE {table.name}")
    return half


def test_one_of_pegasus_monitord_is_refused_and_left_as_it_is(foreign, capfd):
    before = content(foreign)
    for command in (["status"], ["notifications"], ["monitord", "--catch-up"], MONITOR):
        assert exit_code(foreign, command) == (75 if command is MONITOR else 2), command
        said = capfd.readouterr().err
        assert "was made by another monitor; `bridle analyzer " in said
        assert "`bridle monitord --rebuild" in said
    with alone(foreign.submit_dir.lock, 0.0):
        assert exit_code(foreign, ["status"]) == 2
    assert notify_code(foreign) == 2
    # Of the queue and the logs there is more to say.
    assert exit_code(foreign, ["recover"]) in (0, 1)
    assert content(foreign) == before


def test_one_from_before_the_first_release_is_refused_and_can_be_rebuilt(half, capfd):
    execute(half.database, f"UPDATE bridle_schema SET version = {OLDEST_VERSION - 1}")
    before = content(half)
    for command in (["status"], ["monitord", "--catch-up"]):
        assert exit_code(half, command) == 2, command
        assert "older than any release" in capfd.readouterr().err
    assert content(half) == before
    assert exit_code(half, ["monitord", "--rebuild"]) == (0 if half.url is None else 2)


def test_one_that_has_no_tables_yet_is_made(work_dir, postgresql):
    for url in (f"sqlite:///{work_dir}/new.db", plain(postgresql)):
        with closing(Store(url)) as store:
            store.create()
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT version, program FROM bridle_schema").all()
        engine.dispose()
        assert [row[0] for row in found] == [BRIDLE_VERSION]
        assert found[0][1].startswith("pegasus-bridle ")


def test_tables_of_another_role_are_waited_for(runs, postgresql_server):
    """Who shares a PostgreSQL database cannot take it up for its owner, and is started again until that has done it."""
    half = runs["fan"]
    if half.url is None:
        return
    name = half.url.partition("@/")[2].partition("?")[0]
    with postgresql_server.connection(name) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
        try:
            url = half.url.replace("//bridle@", "//guest@")
            with pytest.raises(TryAgainError, match=r"must be owner of table bridle_[a-z]+; let the owner"):
                session.catch_up(half.submit_dir, Limits(database=0.0), url=url)
            take_up(half)
            session.catch_up(half.submit_dir, Limits(), url=half.url)
        finally:
            connection.execute("DROP OWNED BY guest; DROP ROLE guest")
