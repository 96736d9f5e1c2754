"""The transactions of the monitor: who may write, whether it is still the same database, what errors mean."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError

from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.dialect import Trouble, dialect_of, words_of
from monitord_job.database.writing.fence import Fence, take
from monitord_job.errors import (
    AnotherDatabaseError,
    BrokenDatabaseError,
    MonitorError,
    SchemaError,
    TryAgainError,
)

_LONGEST = 0.2
"""Seconds of a transaction that many share: others who write to the database wait for its end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """To be the one who writes a root workflow and all below it: `holder` says for people who that is."""

    root_wf_uuid: str
    holder: str


class Transactions:
    """A database that one at a time writes to.

    With a `claim`, nobody can who was at it before: `_take_over` takes the right, and each transaction checks that
    nobody else has since. It raises FencedError then.
    """

    def __init__(self, url: URL | str, claim: Claim | None = None) -> None:
        self._claim = claim
        self._fence: Fence | None = None
        self._url = make_url(url)
        self._dialect = dialect_of(self._url)
        self._file = self._dialect.file_of(self._url)
        self._engine = self._dialect.writing_engine(self._url)
        self._file_id: tuple[int, int] | None = None
        self._all_at_once: Connection | None = None
        self._shared: ExitStack | None = None
        self._shared_until = 0.0

    @property
    def name(self) -> str:
        """The database as it may be shown: without a password."""
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Give up the connections."""
        self._engine.dispose()

    def _take_over(self) -> None:
        """Once in a store's life: whoever lost the right does not get it back by opening the database again."""
        if self._claim is None:
            return
        with self._transaction() as connection:
            held = self._hold_right(connection)
        self._fence = held

    def _hold_right(self, connection: Connection) -> Fence | None:
        """The right to write, which nobody has taken since, or taken now; it stands with the transaction."""
        bulk, claim, held = Bulk(connection), self._claim, self._fence
        if held is None and claim is not None:
            held = take(bulk, claim.root_wf_uuid, claim.holder, time.time_ns())
        if held is not None:
            held.check(bulk, self.name)
        return held

    def give_way_to(self, fresh: Path) -> None:
        """Let a closed, whole SQLite file take the place of this one, if nobody has taken over meanwhile.

        Whoever reads the old one goes on reading it; whoever writes finds out before its next commit.
        """
        assert self._file is not None
        with self._writing():
            replace_database(fresh, self._file)
            self._file_id = None

    @contextmanager
    def writing(self) -> Iterator[Bulk]:
        """A transaction of its own, for what is no row of a workflow. Raises TryAgainError as `commit` does."""
        with self._writing() as connection:
            yield Bulk(connection)

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """What is stored within is one transaction, which begins with the first row; `end_if_long` cuts it short.

        After an error, in its end too, what was read of the state before has to be loaded again.
        """
        if self._all_at_once is not None:
            yield
            return
        with ExitStack() as shared:
            self._shared = shared
            try:
                yield
            finally:
                self._all_at_once = self._shared = None

    def end_if_long(self) -> None:
        """Commit what was stored up to here, if the transaction that is shared has taken its time."""
        if time.monotonic() > self._shared_until:
            self._end_shared()

    def _end_shared(self) -> None:
        if self._shared is not None and self._all_at_once is not None:
            self._all_at_once = None
            self._shared.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self._shared is not None and self._all_at_once is None:
            self._all_at_once = self._shared.enter_context(self._fenced())
            self._shared_until = time.monotonic() + _LONGEST
        with self._fenced() as connection:
            yield connection

    @contextmanager
    def _fenced(self) -> Iterator[Connection]:
        if self._all_at_once is not None or self._fence is None:
            with self._transaction() as connection:
                yield connection
            return
        try:
            with self._transaction() as connection:
                held = self._fence.step(Bulk(connection), self.name)
                yield connection
        except AnotherDatabaseError:
            self._is_another()
            raise
        self._fence = held

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._all_at_once is not None:
            yield self._all_at_once
            return
        try:
            self._check_file()
            with self._engine.begin() as connection:
                yield connection
                # Not after the commit: what is then found gone was stored, and is lost with the file.
                self._check_file()
        except TryAgainError:
            self._forget()
            raise
        except DBAPIError as error:
            self._forget()
            raise self._meaning_of(error) from error

    def _meaning_of(self, error: DBAPIError) -> MonitorError:
        """The error that says what it is to us."""
        if error.connection_invalidated:
            return TryAgainError(
                self.name, f"the connection was lost: {words_of(error)}", self._dialect.away_hint
            )
        trouble = self._dialect.trouble(error)
        if trouble is Trouble.BROKEN:
            return BrokenDatabaseError(
                self.name, f"it is damaged: {words_of(error)}", self._dialect.refused_hint
            )
        if trouble is Trouble.REFUSED:
            return SchemaError(
                self.name, f"the database refuses: {words_of(error)}", self._dialect.refused_hint
            )
        what = f"the database cannot be used now: {words_of(error)}"
        return TryAgainError(self.name, what, self._dialect.away_hint)

    def _check_file(self) -> None:
        """Raises TryAgainError if another file, or none, is where the database was."""
        if self._file is None:
            return
        try:
            file_stat = self._file.stat()
        except FileNotFoundError:
            now = None
        else:
            now = (file_stat.st_dev, file_stat.st_ino)
        if self._file_id is None:
            self._file_id = now
        elif self._file_id != now:
            what = "the database file was removed or replaced; its rows are read from the logs anew"
            self._is_another()
            raise AnotherDatabaseError(self.name, what, "leave it where it is while a monitor runs")

    def _is_another(self) -> None:
        """Another database is where this one was."""

    def _forget(self) -> None:
        """Take nothing of what was learned of the database for true any more: the next one may be another."""
        self._engine.dispose()
        self._file_id = None


def replace_database(fresh: Path, old: Path) -> None:
    """Put a closed, whole SQLite file in another's place; whoever reads the old one goes on reading it."""
    for path in (fresh, old):
        # Emptied by the last commit; beside another database of that name it would be taken for that one's.
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
    fresh.replace(old)
