"""A monitor at work on a submit directory: takes the lock, opens the database, follows, leaves it all in order."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dag_rewriter.errors import FileError
from dag_rewriter.submit_dir import SubmitDir
from monitord_job.daemon import LOG, Limits, Monitor
from monitord_job.database_url import Database, database_of
from monitord_job.engine import sqlite_url
from monitord_job.errors import LockedError, TryAgainError
from monitord_job.event_feed import EventFeed, Outlet
from monitord_job.hierarchy import Hierarchy
from monitord_job.lock import locked
from monitord_job.outlook import Rest
from monitord_job.peer_marks import mark_done, mark_started
from monitord_job.store import Store, replace_database

_LOG_BYTES = 5 << 20
_LOCK_POLL = 0.2
_MANY_OBJECTS = 100_000


def follow_run(
    submit_dir: SubmitDir,
    limits: Limits,
    lock_wait: float,
    url: str | None = None,
    events: Outlet | None = None,
) -> bool:
    """Keep the database until the run has ended. SIGTERM: store the rest, then return.

    `url` names another database than the properties do; `events` is where to write events to.
    False if the monitor is a JOB of the DAG and others of its nodes failed: it must not count as done.
    Raises LockedError if another monitor keeps the directory longer than `lock_wait` seconds.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with (
        _rarely_collecting(),
        _log_file(submit_dir.monitor_log),
        _lock(submit_dir, lock_wait),
        _store(database_of(submit_dir, url), limits, EventFeed(submit_dir.wf_uuid or "", events)) as (
            store,
            limits,
        ),
    ):
        LOG.info("the database is %s", store.name)
        ingest = Hierarchy(submit_dir, store)
        with _marks(submit_dir, ingest, at_work=True):
            Monitor(submit_dir, ingest, limits, stop).follow()
        _settle_events(store)
        return ingest.watch is None or ingest.watch.rest is Rest.SUCCEEDED


def catch_up(
    submit_dir: SubmitDir,
    limits: Limits,
    lock_wait: float = 0.0,
    url: str | None = None,
    events: Outlet | None = None,
) -> None:
    """Store what the logs hold now. Raises LockedError if a live monitor does that already."""
    database = database_of(submit_dir, url)
    feed = EventFeed(submit_dir.wf_uuid or "", events)
    with (
        _rarely_collecting(),
        _lock(submit_dir, lock_wait),
        _store(database, limits, feed) as (store, limits),
    ):
        ingest = Hierarchy(submit_dir, store)
        with _marks(submit_dir, ingest):
            Monitor(submit_dir, ingest, limits).catch_up()
        _settle_events(store)


def rebuild(
    submit_dir: SubmitDir,
    limits: Limits,
    lock_wait: float = 0.0,
    url: str | None = None,
    events: Outlet | None = None,
) -> None:
    """Make the database anew from the logs; the old one stands until the new one is whole. All events come again."""
    database = database_of(submit_dir, url)
    feed = EventFeed(submit_dir.wf_uuid or "", events)
    with _rarely_collecting(), _lock(submit_dir, lock_wait):
        if database.file is None or database.file != submit_dir.database:
            # Others' workflows may be in it: only this one's rows are made anew, within one transaction.
            with _store(database, limits, feed) as (store, limits):
                store.create()
                ingest = Hierarchy(submit_dir, store)
                with store.rebuilding(submit_dir.wf_uuid or ""):
                    Monitor(submit_dir, ingest, limits).catch_up()
                _settle_events(store)
            return
        fresh = database.file.with_name(database.file.name + ".rebuild")
        fresh.unlink(missing_ok=True)
        with _store(Database(sqlite_url(fresh), database.wait), limits, feed) as (store, limits):
            ingest = Hierarchy(submit_dir, store)
            Monitor(submit_dir, ingest, limits).catch_up()
            _settle_events(store)
        replace_database(fresh, database.file)


def _settle_events(store: Store) -> None:
    """Note what was written out; if that cannot be done now, the last events are written once more some day."""
    try:
        store.settle_events()
    except TryAgainError as error:
        LOG.warning("%s", error)


@contextmanager
def _marks(submit_dir: SubmitDir, ingest: Hierarchy, *, at_work: bool = False) -> Iterator[None]:
    """Leave the marks that Pegasus's tools look for. They are a courtesy: failing to is no failure."""
    began = datetime.now(timezone.utc)
    if at_work:
        with _courtesy():
            mark_started(submit_dir.path, os.getpid(), began)
    yield
    if ingest.ended:
        with _courtesy():
            mark_done(submit_dir.path, ingest.root.jobstate_log, began, datetime.now(timezone.utc))


@contextmanager
def _courtesy() -> Iterator[None]:
    try:
        yield
    except (FileError, OSError) as error:
        LOG.warning("%s", error)


@contextmanager
def _store(database: Database, limits: Limits, feed: EventFeed) -> Iterator[tuple[Store, Limits]]:
    """The database, and the limits with the patience that it is to be shown."""
    store = Store(database.url, feed)
    try:
        yield store, limits if limits.database is not None else replace(limits, database=database.wait)
    finally:
        store.close()


@contextmanager
def _lock(submit_dir: SubmitDir, wait: float) -> Iterator[None]:
    deadline = time.monotonic() + wait
    while True:
        with locked(submit_dir.lock) as held:
            if held:
                yield
                return
        if time.monotonic() >= deadline:
            what = "another monitor is at work on this submit directory"
            raise LockedError(
                str(submit_dir.path), what, "leave it to that one, or try again when it has gone"
            )
        time.sleep(_LOCK_POLL)


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Let Python look for cycles after 100,000 new objects, not after 700: rows have none and go by themselves.

    Looking took 7% of the processor time at 10,000 jobs (the least of five runs). Cycles that libraries make still go.
    """
    before = gc.get_threshold()
    gc.freeze()  # modules and classes stay as long as the process: no collection looks at them again
    gc.set_threshold(_MANY_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """What the monitor says goes to its log as well, which survives its restarts and stays below 10 MB."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        LOG.error("leaving: %s", error)
        raise
    finally:
        LOG.removeHandler(handler)
        handler.close()
