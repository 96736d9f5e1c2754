"""Which database a submit directory's monitor writes to, and how patient it is with it.

The word comes from the command line (--url, -D, --conf), else from what `bridle run --url` has noted beside the DAG,
else from the properties that the planner left there (pegasus.catalog.workflow.url, pegasus.catalog.workflow.timeout),
else it is an SQLite file beside the DAG.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.dialect import (
    URL_FORMS,
    checked_url,
    dialect_of,
    sqlite_url,
)
from monitord_job.database.properties import (
    URL_PROPERTIES,
    WAIT_PROPERTIES,
    given_url,
    properties_of,
    read_properties,
)
from monitord_job.errors import DatabaseUrlError

_NOTED = (
    "# Written by bridle run --url: before the planner's properties. Remove it to let those count again.\n"
)


@dataclass(frozen=True, slots=True)
class Database:
    """Where to write to; `wait` is how many seconds to wait for it, None where nobody said."""

    url: URL
    wait: float | None = None

    @property
    def file(self) -> Path | None:
        """The SQLite file, None for a server."""
        return dialect_of(self.url).file_of(self.url)

    def __str__(self) -> str:
        """As it may be shown: without a password."""
        return self.url.render_as_string(hide_password=True)


def database_of(submit_dir: SubmitDir, url: str | None = None) -> Database:
    """The database of a submit directory, of a sub-workflow that of its run. DatabaseUrlError if it is none of ours."""
    submit_dir = submit_dir.run
    path, properties = properties_of(submit_dir)
    wait = _wait(path, properties)
    if url:
        return Database(parse_url("--url", url, submit_dir.path), wait)
    named = given_url()
    if named is not None:
        return Database(parse_url(*named, submit_dir.path), wait)
    noted = submit_dir.own_properties
    for source, settings in ((noted, read_properties(noted)), (path, properties)):
        for name in URL_PROPERTIES:
            value = (settings.get(name) or "").strip()
            if value:
                return Database(parse_url(f"{source}: {name}", value, submit_dir.path), wait)
    return Database(sqlite_url(submit_dir.database), wait)


def note_url(submit_dir: SubmitDir, url: str) -> None:
    """Let everybody who asks for the directory's database find this one. DatabaseUrlError if it can be none."""
    import javaproperties

    parse_url("--url", url, submit_dir.path)
    text = _NOTED + javaproperties.dumps({URL_PROPERTIES[0]: url}, timestamp=False)
    # There may be a password in it.
    files.replace(submit_dir.own_properties, text.encode(), mode=0o600)


def parse_url(source: str, text: str, directory: Path) -> URL:
    """A URL in any form that Pegasus takes. `source` is where it stands, `directory` where a relative path begins.

    >>> print(parse_url("--url", "jdbc:sqlite:/data/run.db", Path("/run")))
    sqlite:////data/run.db
    >>> print(parse_url("--url", "jdbc:postgresql://host/stampede?user=me", Path("/run")))
    postgresql+psycopg://me@host/stampede
    """
    plain = text.removeprefix("jdbc:")
    if plain.startswith("sqlite:") and not plain.startswith("sqlite://"):
        # JDBC's SQLite takes a bare path; a file: of its own is the same.
        plain = "sqlite:///" + plain.removeprefix("sqlite:").removeprefix("file:")
    try:
        url = make_url(plain)
    except (ArgumentError, ValueError) as error:
        # The text is not repeated: there may be a password in it.
        raise DatabaseUrlError(source, "it is not the URL of a database", URL_FORMS) from error
    return checked_url(source, url, directory)


def _wait(where: str, properties: Mapping[str, str]) -> float | None:
    for name in WAIT_PROPERTIES:
        value = (properties.get(name) or "").strip()
        if value:
            with suppress(ValueError):
                seconds = float(value)
                if isfinite(seconds):
                    return seconds
            what = f"{name} is {value[:80]!r}, which is not a number of seconds"
            raise DatabaseUrlError(where, what, f"for example: {name} = 600")
    return None
