"""Which database: what is asked for, in all forms that Pegasus takes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.url import database_of, note_url, parse_url
from monitord_job.errors import DatabaseUrlError

HERE = Path("/run")


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("sqlite:////data/a b.db", "/data/a b.db"),
        ("sqlite:///relative.db", "/run/relative.db"),
        ("jdbc:sqlite:/data/x.db", "/data/x.db"),
        ("jdbc:sqlite:relative.db", "/run/relative.db"),
        ("sqlite:file:/data/x.db", "/data/x.db"),
    ],
)
def test_files(text: str, file: str) -> None:
    assert parse_url("--url", text, HERE).database == file


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:pw@host:5433/stampede",
        "postgresql+psycopg://me:pw@host:5433/stampede",
        "postgres://me:pw@host:5433/stampede",
        "jdbc:postgresql://host:5433/stampede?user=me&password=pw",
    ],
)
def test_servers(text: str) -> None:
    url = parse_url("--url", text, HERE)
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg", "me", "pw")
    assert (url.host, url.port, url.database, dict(url.query)) == ("host", 5433, "stampede", {})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mysql://me:secret@host/x", "mysql is not supported"),
        ("jdbc:mysql://host/x?password=secret", "mysql is not supported"),
        ("sqlite://", "it names no file"),
        ("sqlite:///:memory:", "it names no file"),
        ("postgresql://me:secret@host", "it names no database"),
        ("me:secret@host", "it is not the URL of a database"),
        ("postgresql://me:secret@host:port/x", "it is not the URL of a database"),
    ],
)
def test_what_is_refused_is_named_without_its_password(text: str, what: str) -> None:
    with pytest.raises(DatabaseUrlError, match=what) as error:
        parse_url("--url", text, HERE)
    assert "secret" not in str(error.value)
    assert error.value.exit_code == 1


def planned(folder: Path, properties: str) -> SubmitDir:
    (folder / "pegasus.1.properties").write_text(properties)
    return SubmitDir(folder, {"properties": "/somewhere/else/pegasus.1.properties"}, "x-0.dag")


def test_properties_beside_the_dag(tmp_path: Path) -> None:
    url = "pegasus.catalog.workflow.url = postgresql\\://me\\:pw@host/stampede\n"
    found = database_of(planned(tmp_path, url + "pegasus.catalog.*.timeout = 90\n"))
    assert (found.url.password, found.wait, found.file) == ("pw", 90.0, None)
    assert "pw" not in str(found)


def test_the_command_line_before_the_properties(tmp_path: Path) -> None:
    submit_dir = planned(tmp_path, "pegasus.catalog.workflow.url = sqlite:////a.db\n")
    assert database_of(submit_dir).file == Path("/a.db")
    assert database_of(submit_dir, "sqlite:////b.db").file == Path("/b.db")


def test_what_bridle_run_was_told_counts_from_then_on_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    submit_dir = planned(
        tmp_path, "pegasus.catalog.workflow.url = sqlite:////a.db\npegasus.catalog.*.timeout = 90\n"
    )
    note_url(submit_dir, "postgresql://me:p%40w@host/runs")
    found = database_of(submit_dir)
    assert (found.url.host, found.url.password, found.wait) == ("host", "p@w", 90.0)
    assert submit_dir.own_properties.stat().st_mode & 0o077 == 0
    assert database_of(submit_dir, "sqlite:////b.db").file == Path("/b.db")
    with pytest.raises(DatabaseUrlError):
        note_url(submit_dir, "mysql://host/runs")
    assert database_of(submit_dir).url.host == "host"


def test_a_file_beside_the_dag_where_nobody_says_anything(tmp_path: Path) -> None:
    found = database_of(SubmitDir(tmp_path, {}, "x-0.dag"))
    assert (found.file, found.wait) == (tmp_path / "x-0.stampede.db", None)


@pytest.mark.parametrize(
    "properties", ["pegasus.catalog.workflow.timeout = soon", "a = \\u12", "pegasus.catalog.workflow.url = x"]
)
def test_properties_that_say_nothing_clear(tmp_path: Path, properties: str) -> None:
    with pytest.raises(DatabaseUrlError) as error:
        database_of(planned(tmp_path, properties))
    assert "pegasus.1.properties" in error.value.where
