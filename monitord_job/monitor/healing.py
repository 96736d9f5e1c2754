"""Makes a broken database anew from the logs, while a monitor is at work on it.

An SQLite file of the run alone: a fresh one beside it is filled and takes its place, the broken one is kept aside. Any
other: its tables are mended, and the rows of this run made anew in one transaction. The outbox stays; where it is lost,
all is due again, but for what the log of notifications says was delivered.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.dialect import sqlite_url
from monitord_job.database.url import Database
from monitord_job.errors import FencedError, MonitorError, SchemaError
from monitord_job.monitor.daemon import Monitor
from monitord_job.monitor.limits import Limits
from monitord_job.notifications import outbox
from monitord_job.notifications.history_queries import latest_below
from monitord_job.notifications.row_tap import NotificationTap
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store
from monitord_job.recording.transactions import replace_database

LOG = logging.getLogger("bridle.monitor")
_T = TypeVar("_T")
_AT_ONCE = Limits(database=0.0)
_ATTEMPTS = (
    "SELECT count(*) FROM job_instance i JOIN job j ON j.job_id = i.job_id JOIN workflow w ON w.wf_id = j.wf_id "
    "JOIN workflow r ON r.wf_id = w.root_wf_id WHERE r.wf_uuid = ?"
)


@dataclass(frozen=True, slots=True)
class Healer:
    """Calling it makes the database anew that `store` writes. The caller holds the submit directory's lock."""

    submit_dir: SubmitDir
    database: Database
    store: Store

    def __call__(self) -> None:
        """Raises an error, and leaves all as it is, if the logs cannot be read or lack what is stored."""
        self._require_the_right()
        file = self.database.file
        if file is not None and file == self.submit_dir.database:
            self._replace(file)
        else:
            self._mend()

    def _require_the_right(self) -> None:
        """Raises FencedError if another monitor has taken over, as far as the database can still say."""
        try:
            with self.store.writing():
                pass
        except FencedError:
            raise
        except MonitorError as error:
            LOG.info("%s", error)

    def _replace(self, file: Path) -> None:
        fresh = file.with_name(f"{file.name}.rebuild-{os.getpid()}")
        fresh.unlink(missing_ok=True)
        live = self.store.notifications
        tap = live and NotificationTap(live.wf_uuid, live.notify, live.since)
        had = self._asked(self._attempts)
        with closing(Store(sqlite_url(fresh), notifications=tap)) as store:
            store.create()
            kept = self._asked(lambda old: self._keep_outbox(old, store))
            if tap is not None and kept:
                tap.not_before = self._asked(self._latest) or 0
            Monitor(self.submit_dir, Hierarchy(self.submit_dir, store), _AT_ONCE).catch_up()
            with store.writing() as bulk:
                has = self._attempts(bulk)
        if had is not None and has < had:
            fresh.unlink(missing_ok=True)
            what = f"the logs have {has} of the {had} attempts that are stored"
            raise SchemaError(str(file), what, "put the logs back that are missing")
        keep_aside(file)
        replace_database(fresh, file)
        if live is not None and not kept:
            live.may_lack_deliveries = True

    def _mend(self) -> None:
        made = self.store.mend_tables()
        tap = self.store.notifications
        if tap is not None:
            lost = outbox.TABLE in made
            tap.may_lack_deliveries = tap.may_lack_deliveries or lost
            tap.not_before = 0 if lost else self._asked(self._latest) or 0
        try:
            self.store.create()
            with self.store.rebuilding(self.submit_dir.wf_uuid or ""):
                Monitor(self.submit_dir, Hierarchy(self.submit_dir, self.store), _AT_ONCE).catch_up()
        finally:
            if tap is not None:
                tap.not_before = 0
                tap.forget()

    def _asked(self, question: Callable[[Bulk], _T]) -> _T | None:
        """What the broken database still says; None if it does not."""
        try:
            with closing(Store(self.database.url)) as old, old.writing() as bulk:
                return question(bulk)
        except FencedError:
            raise
        except MonitorError as error:
            LOG.info("%s", error)
            return None

    def _attempts(self, bulk: Bulk) -> int:
        return int(bulk.select(_ATTEMPTS, self.submit_dir.wf_uuid)[0][0])

    def _latest(self, bulk: Bulk) -> int:
        return latest_below(bulk, self.submit_dir.wf_uuid or "")

    @staticmethod
    def _keep_outbox(old: Bulk, fresh: Store) -> bool:
        with fresh.writing() as bulk:
            outbox.copy(old, bulk)
        return True


def keep_aside(file: Path) -> None:
    """A file that is to be replaced, and has what the new one lacks, stays under another name."""
    if file.exists():
        aside = file.with_name(f"{file.name}.aside-{int(time.time())}")
        if not files.link(file, aside):
            files.copy(file, aside)
        LOG.warning("the database that was there is kept as %s", aside)
