"""Pegasus's properties as a command reads them: -Dkey=value goes before --conf FILE, and that takes the place of the
file which the planner left, as in Pegasus's own tools (Pegasus.tools.properties of 5.1.3).

~/.pegasusrc is not read: what it says the planner has put into the run's own file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.trusted_files import read_trusted_beside
from monitord_job.errors import DatabaseUrlError

URL_PROPERTIES = ("pegasus.catalog.workflow.url", "pegasus.monitord.output")
"""In the order of pegasus-monitord; the second is the name of old."""
WAIT_PROPERTIES = (
    "pegasus.catalog.workflow.timeout",
    "pegasus.catalog.workflow.db.timeout",
    "pegasus.catalog.*.timeout",
    "pegasus.catalog.*.db.timeout",
)
MASTER_PROPERTIES = ("pegasus.catalog.master.url", "pegasus.dashboard.output")
"""In the order of pegasus-monitord; the second is the name of old."""
NOTIFICATIONS = "pegasus.monitord.notifications"
NOTIFICATION_NUMBERS = ("max", "timeout", "retries", "patience")
HONOURED = (
    *URL_PROPERTIES,
    *WAIT_PROPERTIES,
    *MASTER_PROPERTIES,
    NOTIFICATIONS,
    *(f"{NOTIFICATIONS}.{name}" for name in NOTIFICATION_NUMBERS),
)
"""All that bridle reads; docs/monitoring.md says what each does."""


_NAMES = [name.encode() for name in HONOURED]
_ESCAPED_KEY = re.compile(rb"\\u|(?:^|[\r\n])[ \t\f]*[^=:\s\\]*\\")
"""A key may spell its letters otherwise (`\\u0070`, which may also be wrong), or go on in the next line."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says: single properties, and a file."""

    single: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    conf: Path | None = None


_NOTHING = Given()
_GIVEN: ContextVar[Given] = ContextVar("_GIVEN", default=_NOTHING)


@contextmanager
def given(what: Given) -> Iterator[None]:
    """Within the block, these properties go before those of the run."""
    token = _GIVEN.set(what)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def properties_of(submit_dir: SubmitDir) -> tuple[str, Mapping[str, str]]:
    """Where they stand, for messages, and the properties that hold for a run. Raises DatabaseUrlError, FileError."""
    what = _GIVEN.get()
    path = what.conf or _planners_file(submit_dir)
    properties = {} if path is None else read_properties(path)
    where = f"{path}, -D" if what.single and path else "-D" if what.single else str(path)
    return where, {**properties, **what.single}


def given_url() -> tuple[str, str] | None:
    """The database that the command line's properties name, and where that stands; None if they name none."""
    what = _GIVEN.get()
    for where, properties in (
        ("-D", what.single),
        (str(what.conf), read_properties(what.conf) if what.conf else {}),
    ):
        for name in URL_PROPERTIES:
            value = (properties.get(name) or "").strip()
            if value:
                return f"{where}: {name}", value
    return None


def read_properties(path: Path) -> Mapping[str, str]:
    """The properties in a file; none if it is not there (a copied directory may lack it), or has none of HONOURED."""
    data = read_trusted_beside(path, files.SMALL)
    if data is None or not (any(name in data for name in _NAMES) or _ESCAPED_KEY.search(data)):
        return {}
    import javaproperties  # 8 ms, for names that few runs have

    try:
        return javaproperties.loads(data.decode("utf-8", "backslashreplace"))
    except javaproperties.InvalidUEscapeError as error:
        hint = "correct that escape, or name the database with --url"
        raise DatabaseUrlError(str(path), f"it is not a properties file: {error}", hint) from error


def _planners_file(submit_dir: SubmitDir) -> Path | None:
    """The file that braindump names, in the directory as it is now, wherever that was when it was planned."""
    name = submit_dir.braindump.get("properties")
    return submit_dir.path / Path(name).name if name else None
