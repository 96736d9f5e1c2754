"""Connections to a database: what SQLite and PostgreSQL have to be told before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

LOCK_SECONDS = 5
"""How long one attempt waits for a database that somebody else has locked; the monitor makes many attempts."""
IDLE_SECONDS = 60
"""After which PostgreSQL ends the transaction of a monitor that says nothing: it was stopped, or its host is gone."""

POSTGRESQL = "postgresql"
SQLITE = "sqlite"

KEEPALIVE = {
    "connect_timeout": 10,
    # A server whose machine went down says nothing: found out within half a minute, not in two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    "application_name": "bridle",
}


def sqlite_url(path: Path) -> URL:
    """The URL of an SQLite file."""
    return URL.create(SQLITE, database=str(path))


def open_engine(url: URL) -> Engine:
    """Connections to write with. Nothing is opened yet, so this never fails for a database that is away."""
    if url.get_backend_name() == SQLITE:
        engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(url, connect_args=KEEPALIVE, pool_size=1, max_overflow=0)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # Python's sqlite3 would begin transactions by itself and too late; SQLAlchemy's documented way round it.
    connection.isolation_level = None
    # A rollback journal, not WAL: submit directories lie on network file systems too, where WAL cannot work.
    # What a statement may have to take back is kept in memory, not in a file below /var/tmp: it is fifty rows.
    for pragma in (
        "foreign_keys = ON",
        "journal_mode = TRUNCATE",
        "synchronous = FULL",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    # Another monitor that stands still in the middle of a transaction must not hold this one for ever.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
