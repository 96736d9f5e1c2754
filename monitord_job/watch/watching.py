"""Looks at a run again and again: only reads, but where no monitor lives, what the logs hold is stored first."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from dag_rewriter.directory.liveness import monitor_lives
from dag_rewriter.directory.locate import jobstate_log
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from monitord_job.database.queries.runs import is_stored, offsets
from monitord_job.database.reading import open_database
from monitord_job.database.url import Database, database_of
from monitord_job.diagnosis.monitors import AT_WORK, at_work
from monitord_job.diagnosis.run_states import Diagnosis, Monitor
from monitord_job.errors import MonitorError
from monitord_job.outcome.queue_holds import NO_HOLDS, QueueHolds
from monitord_job.readers.status import brought_up, progress_as_dagman_counts
from monitord_job.statistics.queries.questions import asking
from monitord_job.watch.categories_now import Categories
from monitord_job.watch.look import Memory, look
from monitord_job.watch.moment import Moment

TICK = 0.2
"""Seconds between two glances. With those between two looks of the monitor at its logs, and what it takes to store and
to read an event, it is on the screen about a second after it is in the log."""
_PAUSE, _LONGEST = 0.3, 10.0
"""Seconds between two looks, which grow with what a look costs."""
_SHARE = 10
_CATCH_UP = 5.0
"""Seconds between two times that the logs are read where no monitor does."""


@dataclass(slots=True)
class _Last:
    """The last look: what files and queue were, what was seen, how much of the log was stored, when to look again."""

    files: object = None
    moment: Moment | None = None
    stored: int | None = None
    """bytes of the run's log; None where nothing says so"""
    next: float = 0.0
    """by the monotonic clock; a look costs a part of the time at most"""
    held: QueueHolds = NO_HOLDS


class Watcher:
    """One run that is watched. Nothing that it does harms the run, and it may end at any time."""

    def __init__(self, submit_dir: SubmitDir, url: str | None = None, *, catches_up: bool = True) -> None:
        self._dir, self._url, self._catches_up = submit_dir, url, catches_up
        self._memory, self._categories, self._last = Memory(), Categories(submit_dir), _Last()
        self._database: Database | None = None
        self._caught_up = 0.0

    def monitor(self, diagnosis: Diagnosis | None) -> Monitor | None:
        """Where the run's monitor is: its lock tells at once, and what was found out last tells the rest."""
        working = at_work(self._dir.run.lock)
        known = None if diagnosis is None else diagnosis.monitor
        return working or (None if known in AT_WORK else known)

    def catch_up(self) -> None:
        """Store what the logs hold, if nobody does. Raises as `bridle status`."""
        found = brought_up(self._dir, self._url)
        # Of a sub-workflow that has not begun, it is a copy: the next look is into the run's own.
        is_copy = self._dir.top is not None and other_owner(self._dir.path) is None
        self._database = None if is_copy else found
        self._caught_up = time.monotonic()

    def glance(self, held: QueueHolds = NO_HOLDS) -> Moment | None:
        """The same as `look` for who asks every `TICK`: the value before as long as there is nothing new in it."""
        if time.monotonic() >= self._last.next or held != self._last.held:
            return self.look(held)
        self._last.moment = self._as_time_goes_by(self._last.moment)
        return self._last.moment

    def look(self, held: QueueHolds = NO_HOLDS) -> Moment | None:
        """What is stored now, and held in the queue; None as long as nothing is, or the database is locked or away."""
        if self._is_due() and not monitor_lives(self._dir.run):
            with suppress(MonitorError):
                self.catch_up()
        began = time.monotonic()
        with suppress(MonitorError, FileError, OSError):
            seen, last = self._seen(), self._last
            if seen is not None and seen == last.files and held == last.held and last.moment is not None:
                last.moment = self._as_time_goes_by(last.moment)
            else:
                moment, stored = self._read(held)
                ended = time.monotonic()
                pause = min(max(_PAUSE, _SHARE * (ended - began)), _LONGEST)
                self._last = _Last(seen, moment or last.moment, stored, ended + pause, held)
        return self._last.moment

    def _as_time_goes_by(self, moment: Moment | None) -> Moment | None:
        """A moment some ticks later; the same value within a second."""
        behind, now = self._behind(self._last.stored), time.time()
        if moment is None or (int(now) == int(moment.now) and behind == moment.behind):
            return moment
        return replace(moment, now=now, behind=behind)

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

    def _read(self, held: QueueHolds) -> tuple[Moment | None, int | None]:
        """What is stored, and how many bytes of the run's log are."""
        database = self._where()
        wf_uuid = self._dir.wf_uuid or ""
        if not is_stored(database, wf_uuid):
            return None, None
        engine = open_database(database)
        try:
            run = progress_as_dagman_counts(engine, self._dir)
            stored = offsets(engine, wf_uuid).get(jobstate_log(self._dir).name)
        finally:
            engine.dispose()
        with asking(database) as questions:
            moment = look(questions, run, time.time(), self._memory, held)
        categories = self._categories.now(moment.in_queue)
        return replace(moment, categories=categories, behind=self._behind(stored)), stored

    def _behind(self, stored: int | None) -> int:
        """Bytes of the run's log that are not stored."""
        with suppress(FileError, OSError):
            if stored is not None:
                return max(0, jobstate_log(self._dir).stat().st_size - stored)
        return 0
