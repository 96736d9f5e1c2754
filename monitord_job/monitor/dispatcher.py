"""Delivers what is in the outbox, between the monitor's other work and after each commit: at least once.

A notification is due, running (its script is with the runner), then delivered, failed or due again later.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from heapq import heapify, heappop, heappush

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.url import database_of
from monitord_job.errors import MonitorError
from monitord_job.notifications import outbox
from monitord_job.notifications.delivery import (
    RunnerProcess,
    delivered_before,
    log_entry,
    read_results,
    remove_results,
)
from monitord_job.notifications.outbox_values import Ended, Task, Wanted
from monitord_job.notifications.permits import Permits
from monitord_job.notifications.resend_requests import drop_requests, pending_requests
from monitord_job.notifications.settings import URL_VARIABLE, DeliverySettings
from monitord_job.recording.store import Store

LOG = logging.getLogger("bridle.monitor")
AHEAD = 64
"""Notifications that the runner has at once, which keep it at work during a turn of the monitor's. If the monitor is
killed then, they are delivered twice."""


class NotificationDispatcher:
    """Runs the scripts of the notifications in a store's outbox. Never waits for one, but in `wait`."""

    def __init__(self, submit_dir: SubmitDir, store: Store, settings: DeliverySettings) -> None:
        assert store.notifications is not None
        self._store = store
        self._tap = store.notifications
        self._requests = submit_dir.resend
        self._results = submit_dir.delivered
        self._log = submit_dir.path / "monitord-notifications.log"
        environment = {**settings.environment, **_other_database(submit_dir, store)}
        self._settings = replace(settings, environment=environment)
        self._runner: RunnerProcess | None = None
        self._running: dict[str, Task] = {}
        self._ended: list[Ended] = []
        self._retries: list[tuple[float, str]] = []
        """a heap: from when on which one is due again"""
        self._after = 0
        self._left_by_others = True
        self._permits = Permits(submit_dir)
        self._delivered: set[str] = set()
        """known from our log, where the outbox may not know"""

    @property
    def at_work(self) -> bool:
        """Whether a script runs, or anything may be due now."""
        return bool(self._running or self._ended or self._left_by_others) or self._may_be_due()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be delivered, now or later."""
        return not self.at_work and self.next_retry is None

    @property
    def next_retry(self) -> float | None:
        """When one that failed is to be tried again, in seconds since the epoch; None: none waits for that."""
        return self._retries[0][0] if self._retries else None

    def _may_be_due(self) -> bool:
        retry = self.next_retry
        return self._tap.may_be_due or (retry is not None and time.time() >= retry)

    def step(self) -> None:
        """Store what has ended, hand over what is due. Raises TryAgainError if the database cannot be used now."""
        if self._requests.exists():
            self._take_requests()
        more_is_permitted = self._permits.refresh()
        if self._left_by_others:
            self._take_over()
        elif more_is_permitted or self._tap.is_another:
            self._look_anew()
        if self._tap.may_lack_deliveries:
            self._delivered |= delivered_before(self._log)
            self._tap.may_lack_deliveries = False
        if self._running:
            self._collect()
        if not self._ended and not (self._may_be_due() and len(self._running) < AHEAD):
            return
        ended, tasks = self._ended, self._exchange()
        self._ended = []
        for done in ended:
            task = self._running.pop(done.key, None)
            if task is not None:
                self._write_log(task, done)
        if tasks:
            self._hand_over(tasks)
        elif not self._running:
            remove_results(self._results)  # all of it is stored

    def _take_requests(self) -> None:
        requests = pending_requests(self._requests)
        keys = [key for wanted in requests.values() for key in wanted]
        with self._store.writing() as bulk:
            outbox.make_due_again(bulk, self._tap.wf_uuid, keys)
        self._delivered.difference_update(keys)
        self._tap.may_be_due, self._after = True, 0
        drop_requests(self._requests, requests)

    def _take_over(self) -> None:
        """Store what scripts of a runner have done that is no more; what it had is due again."""
        left = read_results(self._results)
        left.ended.extend(self._ended)  # also where the file could not be written
        with self._store.writing() as bulk:
            found = outbox.take_over(bulk, self._tap.wf_uuid, left, self._settings.patience, time.time())
            self._retries = self._retries_in(bulk)
        for task, done in found:
            self._write_log(task, done)
        self._running.clear()
        self._ended, self._after = [], 0
        self._tap.may_be_due = True
        self._left_by_others = self._tap.is_another = False
        remove_results(self._results)

    def _look_anew(self) -> None:
        """The database may be another one than it was, or more of it may be run."""
        with self._store.writing() as bulk:
            self._retries = self._retries_in(bulk)
        self._after = 0
        self._tap.may_be_due, self._tap.is_another = True, False

    def _retries_in(self, bulk: Bulk) -> list[tuple[float, str]]:
        found = outbox.retries(bulk, self._tap.wf_uuid, self._permits.permitted, time.time())
        heapify(found)
        return found

    def _collect(self) -> None:
        assert self._runner is not None
        results = self._runner.results()
        if results is not None:
            self._ended += results
            return
        LOG.warning("the script runner died; its notifications are delivered again")
        self._stop_runner()
        self._left_by_others = True
        self._take_over()

    def _exchange(self) -> list[Task]:
        """Store what has ended and take what is due next, in one transaction: new ones first, then retries."""
        now = time.time()
        in_flight = self._running.keys() - {done.key for done in self._ended}
        room = AHEAD - len(in_flight)
        ripe = self._ripe(room, now)
        try:
            with self._store.writing() as bulk:
                again = outbox.store_results(bulk, self._ended, self._settings.patience, now)
                wanted = Wanted(in_flight, room, self._after, now, self._permits.permitted)
                found = outbox.take(bulk, self._tap.wf_uuid, wanted)
                retries = ripe[: room - len(found.tasks)]
                tasks = [*found.tasks, *outbox.take_again(bulk, [key for _, key in retries], wanted)]
        except BaseException:
            # Nothing was stored: what was taken off the heap is to be run again, whatever stopped it.
            self._put_back(ripe)
            raise
        self._put_back([*ripe[len(retries) :], *again])
        self._after = found.after
        # What has just ended, or been taken, may have held back others of its entity: the next step asks again then.
        self._tap.may_be_due = found.more
        return tasks

    def _put_back(self, retries: list[tuple[float, str]]) -> None:
        for retry in retries:
            heappush(self._retries, retry)

    def _ripe(self, most: int, now: float) -> list[tuple[float, str]]:
        """Retries whose time has come, taken off the heap."""
        found: list[tuple[float, str]] = []
        while self._retries and self._retries[0][0] <= now and len(found) < most:
            found.append(heappop(self._retries))
        return found

    def _hand_over(self, tasks: list[Task]) -> None:
        self._running.update({task.key: task for task in tasks})
        known = [task for task in tasks if task.key in self._delivered]
        self._ended += [Ended(task.key, 0, 0.0, "", "", "delivered before", task.tries) for task in known]
        if len(known) == len(tasks):
            return
        if self._runner is None:
            self._runner = RunnerProcess(self._settings, self._results)
        self._runner.send([task for task in tasks if task.key not in self._delivered])

    def _write_log(self, task: Task, done: Ended) -> None:
        """pegasus-monitord's log is a courtesy: the outbox has the same."""
        try:
            with os.fdopen(
                files.open_own(self._log, append=True), "a", encoding="utf-8", errors="backslashreplace"
            ) as log:
                log.write(log_entry(task, done, time.time()))
        except OSError as error:
            LOG.warning("%s", error)

    def wait(self, seconds: float) -> None:
        """Until a script ends, at most so long."""
        if self._runner is None or not self._running:
            time.sleep(seconds)
        else:
            self._runner.wait(seconds)

    def silent(self) -> None:
        """Nothing has happened since the last look, in a run that goes on."""
        now = int(time.time())
        if self._tap.says_more(now):
            with self._store.writing() as bulk:
                self._tap.silent(bulk, now)

    def restarted(self, token: str) -> None:
        """This monitor goes on where another one has left off."""
        with self._store.writing() as bulk:
            self._tap.restarted(bulk, token, int(time.time()))

    def close(self) -> None:
        """Leave: what still runs is ended, and is due for the next monitor."""
        self._stop_runner()
        if self._running:
            try:
                self._take_over()
            except MonitorError as error:
                LOG.warning("%s", error)
        if not self.is_empty:
            LOG.warning("notifications are left to the next monitor (`bridle notifications` shows them)")

    def _stop_runner(self) -> None:
        """End what runs."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None


def _other_database(submit_dir: SubmitDir, store: Store) -> dict[str, str]:
    """For bridle-notify, if the database is not the one that the directory names. A password is nobody's business."""
    if store.name == str(database_of(submit_dir)) or "***" in store.name:
        return {}
    return {URL_VARIABLE: store.name}
