"""A real PostgreSQL server of the tests' own, and databases in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import MappingProxyType

import psycopg

from planner_ext.pool.environment import as_pool_user
from tests.support.places import BUILD
from tests.support.runs import until

_USER = "bridle"
_LONGEST_PLACE = 107 - len("/.s.PGSQL.5432.lock")
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # the tests kill servers, not machines
    "jit": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
}


class Server:
    """A server in one directory, on a socket that only its user reaches. It dies with the process that started it."""

    def __init__(
        self, programs: Path, directory: Path, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._settings = {**_SETTINGS, **settings}
        self._programs = programs
        self._place = directory
        self._directory = directory / "data"
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        # A socket's path has 107 bytes at most, however deep the checkout lies.
        fits = len(os.fsencode(directory)) < _LONGEST_PLACE
        self._socket = directory if fits else Path(tempfile.mkdtemp(prefix="bridle-pg-"))

    def start(self) -> None:
        """Return when it answers."""
        if not (self._directory / "PG_VERSION").exists():
            words = ["--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--locale=C", "--no-sync"]
            self._run("initdb", "-D", str(self._directory), *words)
        settings = {**self._settings, "unix_socket_directories": str(self._socket)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # PostgreSQL refuses root as HTCondor does, and the same user namespace helps.
        command = [*as_pool_user(os.geteuid()), "setpriv", "--pdeathsig", "INT"]
        command += [str(self._programs / "postgres"), "-D", str(self._directory), *words]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._answers, "PostgreSQL answers", limit=60)

    @property
    def pid(self) -> int:
        """Of the process that started it: the server, or what puts it into a namespace of its own."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Cut off whoever is connected, and return when it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def crash(self) -> None:
        """The same without a word to anybody, as if the machine had lost its power: it recovers at its next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    @contextmanager
    def standby(self) -> Iterator[None]:
        """Let nobody write, as a server does that is no longer the primary one; who is connected is cut off."""
        self._read_only("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            yield
        finally:
            self._read_only("ALTER SYSTEM RESET default_transaction_read_only")

    def _read_only(self, statement: str) -> None:
        with self.connection() as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
            )

    def remove(self) -> None:
        """Stop it and leave nothing of it."""
        self.stop()
        for folder in (self._place, self._socket):
            shutil.rmtree(folder, ignore_errors=True)

    def new_database(self, like: str = "") -> str:
        """The URL of an empty database, or of a copy of another one, whose URL that is."""
        name = f"stampede{next(self._numbers)}"
        template = f" TEMPLATE {_name(like)}" if like else ""
        with self.connection() as connection:
            connection.execute(f"CREATE DATABASE {name}{template}")
        return f"postgresql://{_USER}@/{name}?host={self._socket}"

    def empty(self, url: str) -> None:
        """Take all tables out of a database: a new one is 300 files, and they take a busy disk a second to remove."""
        with self.connection(_name(url)) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    @contextmanager
    def connection(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """A connection beside those of what is tested; each statement is a transaction."""
        with psycopg.connect(
            host=str(self._socket), user=_USER, dbname=database, autocommit=True
        ) as connection:
            yield connection

    def cut_off(self, database: str) -> int:
        """End all connections to a database, as an administrator would; how many there were."""
        with self.connection() as connection:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
            ).fetchall()
        return len(found)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "log").read_text()[-2000:]
        try:
            with self.connection():
                return True
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *words: str) -> None:
        command = [*as_pool_user(os.geteuid()), str(self._programs / program), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _name(url: str) -> str:
    """Of the database that a URL names."""
    return url.partition("?")[0].rpartition("/")[2]


@contextmanager
def server_of_tests(place: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    """A server with its data in a directory, removed at the end."""
    programs = Path(os.environ.get("BRIDLE_POSTGRESQL", BUILD / "postgresql")) / "bin"
    server = Server(programs, place, settings)
    try:
        server.start()
        yield server
    finally:
        server.remove()
