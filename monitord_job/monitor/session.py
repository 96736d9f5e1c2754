"""A monitor at work on a submit directory: takes the lock, opens the database, follows, leaves it all in order."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter.directory.known_runs import note_run
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from monitord_job.database.dialect import sqlite_url
from monitord_job.database.url import Database, database_of
from monitord_job.errors import (
    DatabaseVersionError,
    NewerDatabaseError,
    SchemaError,
    TryAgainError,
)
from monitord_job.event_stream.feed import EventFeed, Outlet
from monitord_job.lock import Holder, alone, this_process
from monitord_job.monitor.daemon import LOG, Monitor
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.log_file import log_file
from monitord_job.monitor.master_database import master_of
from monitord_job.monitor.notifying import (
    dispatcher_for,
    hand_over,
    makes_nothing_due,
    monitors_tap,
    newest_run_of,
    readers_tap,
)
from monitord_job.monitor.pegasus_markers import mark_done, mark_started
from monitord_job.monitor.trouble import patiently
from monitord_job.recording.completion import Completion
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store
from monitord_job.recording.transactions import Claim, replace_database

if TYPE_CHECKING:
    from monitord_job.notifications.row_tap import NotificationTap

_MANY_OBJECTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to write a database: whose, which, who does it, and where its events go."""

    submit_dir: SubmitDir
    database: Database
    holder: Holder
    events: Outlet | None = None
    notifications: NotificationTap | None = None


def follow_run(
    submit_dir: SubmitDir,
    limits: Limits,
    lock_wait: float,
    url: str | None = None,
    events: Outlet | None = None,
    notify: bool | None = None,
) -> bool:
    """Keep the database until the run has ended. SIGTERM or SIGURG: store the rest, then return.

    `url` names another database than the properties do; `events` is where to write events to. `notify` says whether
    notifications are due and delivered; None: they are, but of a run that is over and that no monitor has served.
    False if the monitor is a JOB of the DAG and others of its nodes failed: it must not count as done.
    Raises LockedError if another monitor keeps the directory longer than `lock_wait` seconds.
    """
    from monitord_job.monitor.healing import Healer

    submit_dir = submit_dir.run
    require_own(submit_dir.path)
    stop, removed = _heard()
    limits, database = replace(limits, stays=True), database_of(submit_dir, url)
    note_run(submit_dir)
    with (
        _rarely_collecting(),
        log_file(submit_dir.monitor_log, LOG),
        alone(submit_dir.lock, lock_wait) as holder,
        _store(
            Opening(submit_dir, database, holder, events, monitors_tap(submit_dir, notify)),
            limits,
        ) as (store, limits),
        dispatcher_for(submit_dir, store) as dispatcher,
    ):
        LOG.info("the database is %s", store.name)
        ingest = Hierarchy(submit_dir, store)
        with _marks(submit_dir, ingest, at_work=True):
            heal = Healer(submit_dir, database, store)
            monitor = Monitor(
                submit_dir,
                ingest,
                limits,
                stop,
                dispatcher,
                heal,
                master_of(submit_dir, store),
                removed,
                lambda: hand_over(submit_dir),
            )
            monitor.follow()
        _note_sent_events(store)
        monitor.deliver_the_rest()
        return ingest.watch is None or ingest.watch.completion is Completion.SUCCEEDED


def _heard() -> tuple[threading.Event, threading.Event]:
    """What signals say: to stop (the machine goes down, SIGTERM), and that the job was removed (X.bridle.sub)."""
    stop, removed = threading.Event(), threading.Event()

    def hear(number: int, _frame: object) -> None:
        if number == signal.SIGURG:
            removed.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGURG):
        signal.signal(number, hear)
    return stop, removed


def deliver(submit_dir: SubmitDir, limits: Limits, lock_wait: float, url: str | None = None) -> None:
    """Store what the logs hold now, and stay until nothing is due any more. Raises as `follow_run`."""
    from monitord_job.notifications.row_tap import Notify

    submit_dir = submit_dir.run
    require_own(submit_dir.path)
    stop, removed = _heard()
    database, notifications = database_of(submit_dir, url), readers_tap(submit_dir, Notify.GO_ON)
    with (
        _rarely_collecting(),
        log_file(submit_dir.monitor_log, LOG),
        alone(submit_dir.lock, lock_wait) as holder,
        _store(Opening(submit_dir, database, holder, None, notifications), limits) as (store, limits),
        dispatcher_for(submit_dir, store) as dispatcher,
    ):
        ingest = Hierarchy(submit_dir, store)
        monitor = Monitor(submit_dir, ingest, limits, stop, dispatcher, removed=removed)
        with _marks(submit_dir, ingest):
            monitor.catch_up()
        _note_sent_events(store)
        monitor.deliver_the_rest()


def catch_up(
    submit_dir: SubmitDir,
    limits: Limits,
    lock_wait: float = 0.0,
    url: str | None = None,
    events: Outlet | None = None,
    notify: bool | None = None,
    *,
    deliver: bool = False,
) -> None:
    """Store what the logs hold now. Raises LockedError if a live monitor does that already.

    What follows from it for the notifications of a run that was submitted with a monitor, or that one has begun to
    notify of, waits in the outbox, unless `deliver`. With `notify`, that is also so for any other.
    """
    from monitord_job.notifications.row_tap import Notify

    submit_dir = submit_dir.run
    require_own(submit_dir.path)
    database = database_of(submit_dir, url)
    asked = {None: Notify.GO_ON, True: Notify.BEGIN, False: Notify.NO}
    notifications = readers_tap(submit_dir, asked[notify])
    with (
        _rarely_collecting(),
        alone(submit_dir.lock, lock_wait) as holder,
        _store(Opening(submit_dir, database, holder, events, notifications), limits) as (store, limits),
        dispatcher_for(submit_dir, store if deliver or notify else None) as dispatcher,
    ):
        ingest = Hierarchy(submit_dir, store)
        with _marks(submit_dir, ingest):
            master = master_of(submit_dir, store)
            Monitor(submit_dir, ingest, limits, dispatcher=dispatcher, master=master).catch_up()
        _note_sent_events(store)


def catch_up_aside(submit_dir: SubmitDir, database: Database, limits: Limits) -> None:
    """Store what the logs hold now into a database that is not in the submit directory, in which nothing is written,
    locked or made due: it may be another user's.
    """
    submit_dir = submit_dir.run
    with (
        _rarely_collecting(),
        _store(Opening(submit_dir, database, this_process()), limits) as (store, limits),
    ):
        Monitor(submit_dir, Hierarchy(submit_dir, store), limits).catch_up()


def rebuild(
    submit_dir: SubmitDir,
    limits: Limits,
    lock_wait: float = 0.0,
    url: str | None = None,
    events: Outlet | None = None,
    notify: bool | None = None,
) -> None:
    """Make the database anew from the logs; the old one stands until the new one is whole. All events come again.

    The outbox of notifications is kept. With `notify`, all that ever happened is due that was not before. An SQLite
    file that is another monitor's, or whose outbox cannot be read, is kept aside.
    """
    submit_dir = submit_dir.run
    require_own(submit_dir.path)
    database = database_of(submit_dir, url)
    with _rarely_collecting(), alone(submit_dir.lock, lock_wait) as holder:
        opening = Opening(submit_dir, database, holder, events)
        opening = replace(opening, notifications=_tap_of_rebuild(opening, limits, notify))
        if database.file is None or database.file != submit_dir.database:
            _rebuild_rows(opening, limits)
        else:
            _rebuild_file(opening, limits, database.file)


def _tap_of_rebuild(opening: Opening, limits: Limits, notify: bool | None) -> NotificationTap | None:
    """What a rebuild makes due, once what the logs hold beyond the database is; None: nothing."""
    submit_dir, database = opening.submit_dir, opening.database
    is_there = database.file is None or database.file.exists()
    if not notify and is_there and makes_nothing_due(submit_dir, database):
        return None
    from monitord_job.notifications.row_tap import Notify

    # Without a database and after its end, nobody knows what was delivered.
    is_filled = _fill_outbox(opening, limits) if is_there else newest_run_of(submit_dir)[1]
    if not notify and is_filled:
        return None
    return readers_tap(submit_dir, Notify.BEGIN if notify else Notify.GO_ON)


def _rebuild_rows(opening: Opening, limits: Limits) -> None:
    """Others' workflows may be in the database: only this one's rows are made anew, within one transaction."""
    submit_dir = opening.submit_dir
    with _store(opening, limits) as (store, limits):
        store.create()
        ingest = Hierarchy(submit_dir, store)
        with store.rebuilding(submit_dir.wf_uuid or ""):
            Monitor(submit_dir, ingest, limits).catch_up()
        _note_sent_events(store)


def _rebuild_file(opening: Opening, limits: Limits, file: Path) -> None:
    for left in file.parent.glob(f"{file.name}.rebuild-*"):
        left.unlink(missing_ok=True)
    # A name of its own: two that rebuild where locks do not reach must not write into one file.
    fresh = file.with_name(f"{file.name}.rebuild-{opening.holder.host}-{opening.holder.pid}")
    with _store(replace(opening, events=None, notifications=None), limits) as (old, patience):
        is_ours = file.exists() and patiently(lambda: _took_over(old), patience, lambda: None)
        database = Database(sqlite_url(fresh), opening.database.wait)
        with _store(replace(opening, database=database), limits) as (store, limits):
            store.create()
            is_ours = is_ours and patiently(lambda: _keep_outbox(old, store), patience, lambda: None)
            Monitor(opening.submit_dir, Hierarchy(opening.submit_dir, store), limits).catch_up()
            _note_sent_events(store)
        if is_ours:
            patiently(lambda: old.give_way_to(fresh), patience, lambda: None)
        else:
            from monitord_job.monitor.healing import keep_aside

            keep_aside(file)
            replace_database(fresh, file)


def _fill_outbox(opening: Opening, limits: Limits) -> bool:
    """What the logs hold beyond the database is due as it would have been without a rebuild.

    False if its rows cannot be read: then all is due, while it is made anew, that is not in the outbox.
    """
    try:
        _store_the_rest(opening, limits)
    except SchemaError as error:
        LOG.warning(
            "rows cannot be read, so what the logs hold beyond them is due by the rules of now: %s", error
        )
        return False
    return True


def _store_the_rest(opening: Opening, limits: Limits) -> None:
    from monitord_job.notifications.row_tap import Notify

    feed = readers_tap(opening.submit_dir, Notify.GO_ON)
    with _store(replace(opening, events=None, notifications=feed), limits) as (store, limits):
        if patiently(lambda: _is_notifying(store), limits, lambda: None):
            Monitor(opening.submit_dir, Hierarchy(opening.submit_dir, store), limits).catch_up()


def _is_notifying(store: Store) -> bool:
    if not _took_over(store):
        return False
    with store.writing() as bulk:
        return store.notifications is not None and store.notifications.is_at_work(bulk)


def _keep_outbox(old: Store, fresh: Store) -> bool:
    """False if it cannot be read."""
    try:
        with old.writing() as source:
            if not source.select(_IS_NOTIFIED_OF):
                return True
            from monitord_job.notifications import outbox

            with fresh.writing() as target:
                outbox.copy(source, target)
    except SchemaError as error:
        LOG.warning("the notifications cannot be read; --rebuild --notify makes all due again: %s", error)
        return False
    return True


_IS_NOTIFIED_OF = "SELECT 1 FROM bridle_notifying UNION ALL SELECT 1 FROM bridle_notification LIMIT 1"


def _took_over(old: Store) -> bool:
    """Whether nobody else can write the old database any more; False if it is none that anybody can write."""
    try:
        old.create()
    except NewerDatabaseError:
        raise
    except (SchemaError, DatabaseVersionError) as error:
        LOG.info("it is made anew, because of this: %s", error)
        return False
    return True


def _note_sent_events(store: Store) -> None:
    """Note what was written out; if that cannot be done now, the last events are written once more some day."""
    try:
        store.note_sent_events()
    except TryAgainError as error:
        LOG.warning("%s", error)


@contextmanager
def _marks(submit_dir: SubmitDir, ingest: Hierarchy, *, at_work: bool = False) -> Iterator[None]:
    """Leave the marks that Pegasus's tools look for. They are a courtesy: failing to is no failure."""
    began = datetime.now(UTC)
    if not submit_dir.is_planned:
        yield  # those tools know no DAG without Pegasus, and there may be several in one directory
        return
    if at_work:
        with _courtesy():
            mark_started(submit_dir.path, os.getpid(), began)
    yield
    if ingest.ended:
        with _courtesy():
            mark_done(submit_dir.path, ingest.root.jobstate_log, began, datetime.now(UTC))


@contextmanager
def _courtesy() -> Iterator[None]:
    try:
        yield
    except (FileError, OSError) as error:
        LOG.warning("%s", error)


@contextmanager
def _store(opening: Opening, limits: Limits) -> Iterator[tuple[Store, Limits]]:
    """The database, and the limits with the patience that it is to be shown."""
    wf_uuid = opening.submit_dir.wf_uuid or ""
    claim = Claim(opening.submit_dir.root_wf_uuid or wf_uuid, str(opening.holder))
    feed = EventFeed(wf_uuid, opening.events)
    store = Store(opening.database.url, feed, claim, opening.notifications)
    wait = opening.database.wait
    try:
        yield store, limits if limits.database is not None else replace(limits, database=wait)
    finally:
        store.close()


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Let Python look for cycles after a million new objects, not after 700: rows have none and go by themselves.

    Looking took 7% of the processor time at 10,000 jobs, and after 100,000 objects still 2% (9% at 100,000 jobs).
    Cycles that libraries make still go.
    """
    before = gc.get_threshold()
    gc.freeze()  # modules and classes stay as long as the process: no collection looks at them again
    gc.set_threshold(_MANY_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
