"""Looks at a run again and again: only reads, but where no monitor lives, what the logs hold is stored first."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from dag_rewriter import files
from dag_rewriter.directory.locate import jobstate_log
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from monitord_job.database.reading import open_database
from monitord_job.database.run_queries import is_stored, offsets
from monitord_job.database.url import Database, database_of
from monitord_job.diagnosis.run_states import Monitor
from monitord_job.errors import MonitorError
from monitord_job.lock import holder_of
from monitord_job.readers.status import brought_up, progress_as_dagman_counts
from monitord_job.statistics.queries.questions import asking
from monitord_job.watch.categories_now import Categories
from monitord_job.watch.look import Memory, look
from monitord_job.watch.moment import Moment

_PAUSE, _LONGEST = 0.3, 10.0
"""Seconds between two looks, which grow with what a look costs."""
_SHARE = 10
_CATCH_UP = 5.0
"""Seconds between two times that the logs are read where no monitor does."""


@dataclass(slots=True)
class _Last:
    """The last look: what the files were then, what was seen, what it cost (seconds)."""

    files: object = None
    moment: Moment | None = None
    cost: float = 0.0


class Watcher:
    """One run that is watched. Nothing that it does harms the run, and it may end at any time."""

    def __init__(self, submit_dir: SubmitDir, url: str | None = None, *, catches_up: bool = True) -> None:
        self._dir, self._url, self._catches_up = submit_dir, url, catches_up
        self._memory, self._categories, self._last = Memory(), Categories(submit_dir), _Last()
        self._database: Database | None = None
        self._caught_up = 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next look is worth while."""
        return min(max(_PAUSE, _SHARE * self._last.cost), _LONGEST)

    def monitor(self) -> Monitor:
        """Where the run's monitor is, as far as its lock tells."""
        if not files.is_locked(self._dir.lock):
            return Monitor.GONE
        with suppress(FileError):
            holder = holder_of(self._dir.lock)
            if holder is not None and holder.stands_still():
                return Monitor.STOPPED
        return Monitor.AT_WORK

    def catch_up(self) -> None:
        """Store what the logs hold, if nobody does. Raises as `bridle status`."""
        self._database = brought_up(self._dir, self._url)
        self._caught_up = time.monotonic()

    def look(self) -> Moment | None:
        """What is stored now; None as long as nothing is, or the database is locked or away."""
        if self._is_due() and self.monitor() is Monitor.GONE:
            with suppress(MonitorError):
                self.catch_up()
        began = time.monotonic()
        with suppress(MonitorError, FileError, OSError):
            seen = self._seen()
            if seen is not None and seen == self._last.files and self._last.moment is not None:
                self._last.moment = replace(self._last.moment, now=time.time(), behind=self._behind())
            else:
                moment = self._read()
                self._last = _Last(seen, moment or self._last.moment, time.monotonic() - began)
        return self._last.moment

    def _is_due(self) -> bool:
        is_time = time.monotonic() - self._caught_up > _CATCH_UP
        return self._catches_up and is_time and other_owner(self._dir.path) is None

    def _where(self) -> Database:
        if self._database is None:
            self._database = database_of(self._dir, self._url)
        return self._database

    def _seen(self) -> object:
        """What changes with each commit; None of a server, which is asked each time."""
        file = self._where().file
        if file is None or not file.is_file():
            return None
        file_stat = file.stat()
        return file_stat.st_ino, file_stat.st_mtime_ns, file_stat.st_size

    def _read(self) -> Moment | None:
        database = self._where()
        if not is_stored(database, self._dir.wf_uuid or ""):
            return None
        engine = open_database(database)
        try:
            run = progress_as_dagman_counts(engine, self._dir)
        finally:
            engine.dispose()
        with asking(database) as questions:
            moment = look(questions, run, time.time(), self._memory)
        return replace(moment, categories=self._categories.now(moment.in_queue), behind=self._behind())

    def _behind(self) -> int:
        """Bytes of the run's log that are not stored."""
        log = jobstate_log(self._dir)
        if files.mode_of(log) is None:
            return 0
        engine = open_database(self._where())
        try:
            stored = offsets(engine, self._dir.wf_uuid or "")
        finally:
            engine.dispose()
        return max(0, log.stat().st_size - stored[log.name]) if log.name in stored else 0
