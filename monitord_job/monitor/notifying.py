"""Whether what a monitor or a reader stores makes notifications due, and who delivers them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.directory.locate import jobstate_log
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from dag_rewriter.logs.jobstate_log import newest_run
from monitord_job.database.brief_reading import is_empty
from monitord_job.database.url import Database
from monitord_job.errors import CannotWorkError, ScheddError
from monitord_job.monitor.daemon import LOG
from monitord_job.recording.store import Store

if TYPE_CHECKING:
    from monitord_job.monitor.dispatcher import NotificationDispatcher
    from monitord_job.notifications.row_tap import NotificationTap, Notify


def decided_since(submit_dir: SubmitDir) -> int | None:
    """Since when runs of the directory are notified of, in seconds since the epoch, as was decided when it was
    rewritten; None: nothing was decided.
    """
    said = (files.read_if_there(submit_dir.notifying) or b"")[:_DIGITS].strip()
    return int(said) if said.isdigit() else None


_DIGITS = 18
"""More of them are no time."""


def makes_nothing_due(submit_dir: SubmitDir, database: Database) -> bool:
    """Whether nothing that happens in a run is notified of: no monitor has begun to, and none was submitted with it.

    False also where that takes more than a look to tell.
    """
    return decided_since(submit_dir) is None and is_empty(database, "bridle_notifying")


def monitors_tap(submit_dir: SubmitDir, notify: bool | None) -> NotificationTap:
    """Notifications as a monitor that follows makes them due: of the run that is at work, or of what comes next."""
    from monitord_job.notifications.row_tap import NotificationTap, Notify
    from monitord_job.notifications.settings import settings_of

    off = notify is False or settings_of(submit_dir) is None

    def since() -> int:
        began, is_over = newest_run_of(submit_dir)
        decided = decided_since(submit_dir)
        if decided is not None and (not began or began >= decided):
            return decided
        return -1 if is_over and not notify else began

    return NotificationTap(submit_dir.wf_uuid or "", Notify.NO if off else Notify.BEGIN, since)


def readers_tap(submit_dir: SubmitDir, notify: Notify) -> NotificationTap:
    """Notifications as they become due by one who stores what the logs hold now."""
    from monitord_job.notifications.row_tap import NotificationTap, Notify

    def since() -> int:
        if notify is Notify.BEGIN:
            return 0
        decided = decided_since(submit_dir)
        return -1 if decided is None or _is_switched_off(submit_dir) else decided

    return NotificationTap(submit_dir.wf_uuid or "", notify, since)


def _is_switched_off(submit_dir: SubmitDir) -> bool:
    from monitord_job.notifications.settings import settings_of

    try:
        return settings_of(submit_dir) is None
    except CannotWorkError:
        return False  # the monitor says what is wrong with them


def newest_run_of(submit_dir: SubmitDir) -> tuple[int, bool]:
    """When the newest run began, and whether it is over. One without a JOBSTATE_LOG begins with the first look."""
    try:
        with files.stream_of(jobstate_log(submit_dir)) as lines:
            return newest_run(lines)
    except FileNotFoundError:
        return (int(time.time()), False) if submit_dir.dagman_out.exists() else (0, False)


@contextmanager
def dispatcher_for(submit_dir: SubmitDir, store: Store | None) -> Iterator[NotificationDispatcher | None]:
    """Who delivers what is in the outbox; nobody, if the properties say so or there is no store."""
    if store is None or store.notifications is None:
        yield None
        return
    from monitord_job.monitor.dispatcher import NotificationDispatcher
    from monitord_job.notifications.settings import settings_of

    settings = settings_of(submit_dir)
    if settings is None:
        yield None
        return
    dispatcher = NotificationDispatcher(submit_dir, store, settings)
    try:
        yield dispatcher
    finally:
        dispatcher.close()


def hand_over(submit_dir: SubmitDir) -> bool:
    """Submit a job that delivers what is due; False if there is no schedd that takes it."""
    from monitord_job.schedd import submit_delivery

    try:
        job = submit_delivery(submit_dir)
    except (ScheddError, FileError) as error:
        LOG.warning("this monitor goes on to deliver what is due, for no other can: %s", error)
        return False
    LOG.info("job %s delivers what is due", job)
    return True
