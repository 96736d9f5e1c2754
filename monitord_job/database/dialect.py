"""What SQLite and PostgreSQL want said differently: URLs, connections, SQL, types, errors.

One more database is one more class here. `dialect_of` gives the one of a URL; nothing else asks which database it is.
"""

from __future__ import annotations

import importlib.util
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from itertools import count as numbers
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Integer,
    Numeric,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.types import TypeEngine

from monitord_job.errors import DatabaseUrlError, MonitorError

if TYPE_CHECKING:
    from monitord_job.database.bulk_sql import Bulk

LOCK_SECONDS = 5
"""How long one attempt waits for a database that somebody else has locked; the monitor makes many attempts."""
IDLE_SECONDS = 60
"""After which PostgreSQL ends the transaction of a monitor that says nothing: it was stopped, or its host is gone."""
URL_FORMS = "write sqlite:////absolute/path, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


class Backend(Enum):
    """The databases; `.value` as SQLAlchemy calls them."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Trouble(Enum):
    """What an error of a database means."""

    AWAY = "it may work again by itself"
    REFUSED = "somebody has to put something right"
    BROKEN = "what should be in it is not"


class Dialect(ABC):
    """One of the databases."""

    backend: Backend
    mark: str
    """for a value in a statement"""
    names_are_bounded: bool
    """whether its indexes hold short names only"""
    has_one_writer: bool
    """whether a transaction that writes waits for the one before it, whatever that has written"""
    unreadable_hint: str
    """what to do if it cannot be read"""
    refused_hint: str
    """what to do if it refuses for good"""
    away_hint: str
    """what to look for if it stays unusable"""
    for_update: str
    """after a question: nobody else changes its rows before the transaction ends"""
    beside_writers: str
    """in a CREATE INDEX: others write on meanwhile"""
    room_hint: str
    """what becomes of the room of rows that were deleted"""

    # URLs and connections.

    @abstractmethod
    def checked_url(self, source: str, url: URL, directory: Path) -> URL:
        """As the function of this name."""

    def file_of(self, url: URL) -> Path | None:  # noqa: ARG002 - most have none
        """Its file; None: a server has it."""
        return None

    def shown(self, url: URL) -> str:
        """The database for people: without a password."""
        return url.render_as_string(hide_password=True)

    @abstractmethod
    def writing_engine(self, url: URL) -> Engine:
        """Connections to write with. Nothing is opened yet, so this never fails for a database that is away."""

    @abstractmethod
    def reading_engine(self, url: URL) -> Engine:
        """Connections that only read. Raises MonitorError if its file is not there."""

    @abstractmethod
    def trouble(self, error: DBAPIError) -> Trouble:
        """What an error means."""

    def lock_tables(self, connection: Connection) -> None:  # noqa: B027 - nothing to do where there is one writer
        """Let nobody else make tables before the transaction ends."""

    def new_tables(self, connection: Connection) -> Sequence[str]:  # noqa: ARG002 - of a file of one's own alone
        """The statements that make all our tables in a database that has none at all; empty if SQLAlchemy is to make
        those that are missing.
        """
        return ()

    def lock_files(self, connection: Connection) -> None:  # noqa: B027 - nothing to do where there is one writer
        """Let nobody else look files up (rc_lfn), in order to refer to them, before the transaction ends."""

    def broken_indexes(self, connection: Connection) -> list[str]:  # noqa: ARG002 - most make them whole or not
        """The names of indexes that were not made to their end."""
        return []

    # Statements.

    def streaming_cursor(self, driver: Any) -> Any:
        """A cursor of the driver's that does not hold all rows of an answer in memory."""
        return driver.cursor()

    def rows_in_a_statement(self, columns: int) -> int:  # noqa: ARG002 - most drivers do it best
        """How many rows one INSERT takes best."""
        return 1

    @abstractmethod
    def text(self, text: str) -> str:
        """A statement in which ? is a value and ?* the elements of a list: `x IN (?*)`."""

    def list_value(self, values: list[Any]) -> object:
        """A list as the value for ?*."""
        return values

    @abstractmethod
    def new_keys(self, bulk: Bulk, table: Table, count: int) -> Sequence[int]:
        """As many keys that no row of the table has, nor will any other writer's have."""


class Sqlite(Dialect):
    backend = Backend.SQLITE
    mark = "?"
    names_are_bounded = False
    has_one_writer = True
    unreadable_hint = "rebuild it with `bridle monitord --rebuild SUBMIT_DIR`"
    refused_hint = (
        "look at the file with `sqlite3 FILE 'PRAGMA integrity_check'`, or rebuild it with "
        "`bridle monitord --rebuild SUBMIT_DIR`"
    )
    away_hint = (
        "it will be tried again; if this stays, look for a full disk or a program that holds the database"
    )
    for_update = ""  # it has one writer anyway
    beside_writers = ""
    room_hint = "the file keeps its size and uses the room again; `sqlite3 FILE VACUUM` gives it back"
    _BROKEN = re.compile(
        "not a database|malformed|no such (table|column|index)|has no column|unsupported file format|constraint failed"
    )
    """Also where a row refers to one that is gone: state and rows are not of one database."""
    _AT_ONCE = 50
    _MOST_VALUES = 999
    """in one statement of an SQLite as old as 3.31"""

    def checked_url(self, source: str, url: URL, directory: Path) -> URL:
        if not url.database or url.database == ":memory:":
            raise DatabaseUrlError(source, "it names no file", URL_FORMS)
        return sqlite_url(directory / url.database)

    def file_of(self, url: URL) -> Path | None:
        return None if url.database is None else Path(url.database)

    def shown(self, url: URL) -> str:
        name = url.database or ""
        # Without what opens it for reading only.
        return unquote(name.removeprefix("file:")) if name.startswith("file:") else name

    def writing_engine(self, url: URL) -> Engine:
        engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS})
        event.listen(engine, "connect", self.set_up)
        event.listen(engine, "begin", self._begin)
        return engine

    @staticmethod
    def set_up(connection: Any, _record: object) -> None:
        """Right after a connection is made."""
        # Python's sqlite3 would begin transactions by itself and too late; SQLAlchemy's documented way round it.
        connection.isolation_level = None
        # A rollback journal, not WAL: submit directories lie on network file systems too, where WAL cannot work.
        # What a statement may have to take back is kept in memory, not in a file below /var/tmp: it is fifty rows.
        settings = (
            "foreign_keys = ON",
            "journal_mode = TRUNCATE",
            "synchronous = FULL",
            "temp_store = MEMORY",
        )
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")

    @staticmethod
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def new_tables(self, connection: Connection) -> Sequence[str]:
        from monitord_job.database.sqlite_tables import STATEMENTS

        has_any = connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").first()
        return () if has_any else STATEMENTS

    def reading_engine(self, url: URL) -> Engine:
        path = Path(url.database or "")
        if not path.is_file():
            hint = "run the workflow with `bridle run`, or `bridle monitord`"
            raise MonitorError(str(path), "there is no database", hint)
        # Not a text to be parsed: SQLAlchemy 2.1 would take the quoting of the path for its own.
        query = {"mode": "ro", "uri": "true"}
        return create_engine(
            URL.create(Backend.SQLITE.value, database=f"file:{quote(str(path))}", query=query)
        )

    def trouble(self, error: DBAPIError) -> Trouble:
        if self._BROKEN.search(str(error.orig)):
            return Trouble.BROKEN
        return Trouble.AWAY if isinstance(error, OperationalError | InterfaceError) else Trouble.REFUSED

    def rows_in_a_statement(self, columns: int) -> int:
        # A statement for each row takes a third more time.
        return max(1, min(self._AT_ONCE, self._MOST_VALUES // columns))

    def text(self, text: str) -> str:
        return text.replace("(?*)", "(SELECT value FROM json_each(?))")

    def list_value(self, values: list[Any]) -> object:
        return json.dumps(values)

    def new_keys(self, bulk: Bulk, table: Table, count: int) -> Sequence[int]:
        # Nobody else writes until this transaction ends: counting on from the highest is enough.
        last = bulk.last_keys.get(table.name)
        if last is None:
            (column,) = table.primary_key.columns
            last = bulk.select(f"SELECT max({column.name}) FROM {table.name}")[0][0] or 0
        bulk.last_keys[table.name] = last + count
        return range(last + 1, last + 1 + count)


class Postgresql(Dialect):
    backend = Backend.POSTGRESQL
    mark = "%s"
    names_are_bounded = True
    has_one_writer = False
    unreadable_hint = "check that its server runs and accepts your login"
    refused_hint = "see what its server says, or rebuild it with `bridle monitord --rebuild SUBMIT_DIR`"
    for_update = " FOR UPDATE"
    beside_writers = "CONCURRENTLY"
    room_hint = "autovacuum makes their room usable again; `VACUUM (ANALYZE)` does it now, beside monitors"
    away_hint = "it will be tried again; if this stays, ask its administrator"
    _KEEPALIVE = {  # noqa: RUF012 - never changed
        # A database that was made with SQL_ASCII says nothing of its texts, and the driver would give bytes.
        "client_encoding": "UTF8",
        "connect_timeout": 10,
        # A server whose machine went down says nothing: found out within half a minute, not in two hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
        "application_name": "bridle",
    }
    _cursors = numbers(1)
    _ADVISORY = 0x6272_6964_6C65
    """Any number that everybody who makes our tables agrees on ("bridle")."""
    _BROKEN = ("42P01", "42703", "23", "XX001", "XX002")
    """SQLSTATE: no such table or column; rows that do not fit to what is there; damage."""
    _MENDED_BY_SOMEBODY = ("28", "3D", "42", "54", "22")
    """Classes of SQLSTATE: wrong password, no such database, no permission, a limit exceeded, no value for a column."""
    _REFUSED = re.compile(
        r'FATAL: +((database|role) ".*" does not exist|.*authentication failed|no pg_hba\.conf entry)'
        r"|no password supplied"
    )
    """The same where a connection is refused: the driver then passes on no SQLSTATE, only the server's words."""

    def checked_url(self, source: str, url: URL, directory: Path) -> URL:  # noqa: ARG002 - no path in it
        if not url.database:
            raise DatabaseUrlError(source, "it names no database", URL_FORMS)
        if importlib.util.find_spec("psycopg") is None:
            what = "PostgreSQL needs the package psycopg, which is not installed"
            raise DatabaseUrlError(source, what, "pip install 'pegasus-bridle[postgresql]'")
        # JDBC has the user and the password among the parameters.
        query = dict(url.query)
        user, password = query.pop("user", None), query.pop("password", None)
        url = url.set(drivername="postgresql+psycopg", query=query)
        if url.username is None and isinstance(user, str):
            url = url.set(username=user)
        if url.password is None and isinstance(password, str):
            url = url.set(password=password)
        return url

    def writing_engine(self, url: URL) -> Engine:
        engine = create_engine(url, connect_args=self._KEEPALIVE, pool_size=1, max_overflow=0)
        event.listen(engine, "begin", self._begin)
        return engine

    @staticmethod
    def _begin(connection: Connection) -> None:
        # Another monitor that stands still in the middle of a transaction must not hold this one for ever.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")

    def reading_engine(self, url: URL) -> Engine:
        options = {"postgresql_readonly": True}
        return create_engine(url, connect_args=self._KEEPALIVE, execution_options=options)

    def trouble(self, error: DBAPIError) -> Trouble:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state.startswith(self._BROKEN):
            return Trouble.BROKEN
        refused = state.startswith(self._MENDED_BY_SOMEBODY) or bool(self._REFUSED.search(str(error.orig)))
        return Trouble.REFUSED if refused else Trouble.AWAY

    def lock_tables(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(self._ADVISORY)))

    def lock_files(self, connection: Connection) -> None:
        # A monitor reads the keys of files, and refers to them in the same transaction. Whoever comes after this waits
        # behind it, so it does not wait for long.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
        connection.exec_driver_sql("LOCK TABLE rc_lfn IN ACCESS EXCLUSIVE MODE")

    def broken_indexes(self, connection: Connection) -> list[str]:
        text = "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid WHERE NOT indisvalid"
        return list(connection.exec_driver_sql(text).scalars())

    def streaming_cursor(self, driver: Any) -> Any:
        # One with a name stays at the server.
        return driver.cursor(name=f"bridle_{next(self._cursors)}")

    def text(self, text: str) -> str:
        return text.replace("IN (?*)", "= ANY(?)").replace("?", "%s")

    def new_keys(self, bulk: Bulk, table: Table, count: int) -> Sequence[int]:
        (column,) = table.primary_key.columns
        sequence = f"{table.name}_{column.name}_seq"
        rows = bulk.select("SELECT nextval(?) FROM generate_series(1, ?)", sequence, count)
        return [row[0] for row in rows]


_DIALECTS: dict[str, Dialect] = {one.backend.value: one for one in (Sqlite(), Postgresql())}


def words_of(error: BaseException) -> str:
    """What a database says, in one line: libpq's hints stand in lines of their own, which are indented.

    >>> words_of(ValueError("connection failed: Connection refused\\n\\tIs the server running?"))
    'connection failed: Connection refused'
    """
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return " ".join(line.rstrip() for line in lines if line.strip() and not line[0].isspace())


_SPELLINGS = {"postgres": Backend.POSTGRESQL.value}


def checked_url(source: str, url: URL, directory: Path) -> URL:
    """The URL as we use it. `source` is where it stands, `directory` where a relative path begins.

    Raises DatabaseUrlError for a database that we do not write to.
    """
    name = url.get_backend_name()
    dialect = _DIALECTS.get(_SPELLINGS.get(name, name))
    if dialect is None:
        raise DatabaseUrlError(source, f"{name} is not supported (SQLite and PostgreSQL are)", URL_FORMS)
    return dialect.checked_url(source, url, directory)


def dialect_of(url: URL) -> Dialect:
    """The dialect of a URL that was checked."""
    return _DIALECTS[url.get_backend_name()]


def sqlite_url(path: Path) -> URL:
    """The URL of an SQLite file."""
    return URL.create(Backend.SQLITE.value, database=str(path))


# Types. PostgreSQL holds columns to their widths, SQLite never does: there, what a record says is stored as it is.


def _in_postgresql(usual: TypeEngine[Any], there: TypeEngine[Any]) -> TypeEngine[Any]:
    return usual.with_variant(there, Backend.POSTGRESQL.value)


def varchar(width: int) -> TypeEngine[Any]:
    """Text of a width that only Pegasus's own schema is strict about."""
    return _in_postgresql(String(width), Text())


def decimal(digits: int, places: int) -> TypeEngine[Any]:
    """A number as a float, of as many digits as Pegasus's own schema has."""
    return _in_postgresql(Numeric(digits, places, asdecimal=False), Numeric(asdecimal=False))


COUNT = _in_postgresql(Integer(), BigInteger())
