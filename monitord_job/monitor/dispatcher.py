"""Delivers what is in the outbox, between the monitor's other work and after each commit: at least once.

A notification is due, running (its script is with the runner), then delivered, failed or due again later.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.url import database_of
from monitord_job.errors import TryAgainError
from monitord_job.notifications import outbox
from monitord_job.notifications.delivery import (
    RunnerProcess,
    delivered_before,
    log_entry,
    read_results,
    remove_results,
)
from monitord_job.notifications.outbox import Ended, Task
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
        self._next_retry: float | None = None
        self._left_by_others = True
        self._delivered: set[str] = set()
        """known from our log, where the outbox may not know"""

    @property
    def at_work(self) -> bool:
        """Whether a script runs, or anything may be due now."""
        return bool(self._running or self._ended) or self._may_be_due()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be delivered, now or later."""
        return not self.at_work and self._next_retry is None

    def _may_be_due(self) -> bool:
        retry = self._next_retry
        return self._tap.may_be_due or (retry is not None and time.time() >= retry)

    def step(self) -> None:
        """Store what has ended, hand over what is due. Raises TryAgainError if the database cannot be used now."""
        if self._requests.exists():
            self._take_requests()
        if self._left_by_others:
            self._take_over()
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
            self._write_log(self._running.pop(done.key), done)
        if tasks:
            self._hand_over(tasks)
        elif not self._running:
            remove_results(self._results)  # all of it is stored

    def _take_requests(self) -> None:
        requests = pending_requests(self._requests)
        with self._store.writing() as bulk:
            outbox.make_due_again(
                bulk, self._tap.wf_uuid, [key for keys in requests.values() for key in keys]
            )
        self._tap.may_be_due = True
        drop_requests(self._requests, requests)

    def _take_over(self) -> None:
        """Store what scripts of a monitor that was killed have done."""
        left = read_results(self._results)
        if left:
            with self._store.writing() as bulk:
                stored = outbox.store_left_results(
                    bulk, self._tap.wf_uuid, left, self._wanted(frozenset(), 0)
                )
            for task, done in stored:
                self._write_log(task, done)
        remove_results(self._results)
        self._left_by_others = False

    def _collect(self) -> None:
        assert self._runner is not None
        results = self._runner.results()
        if results is None:
            LOG.warning("the script runner died; its notifications are delivered again")
            ended = {done.key for done in self._ended}  # not stored yet: the database was away
            kept = {key: task for key, task in self._running.items() if key in ended}
            self._stop_runner()
            self._running, self._tap.may_be_due = kept, True
            return
        self._ended += results

    def _exchange(self) -> list[Task]:
        """Store what has ended and take what is due next, in one transaction."""
        running = frozenset(self._running.keys() - {done.key for done in self._ended})
        wanted = self._wanted(running, AHEAD - len(running))
        with self._store.writing() as bulk:
            if self._ended:
                outbox.store_results(bulk, self._ended, wanted)
            found = outbox.take(bulk, self._tap.wf_uuid, wanted)
        self._next_retry = found.next_retry
        # What has just ended, or been taken, may have held back others of its entity: the next step asks again then.
        self._tap.may_be_due = found.more
        return found.tasks

    def _wanted(self, running: frozenset[str], room: int) -> outbox.Wanted:
        return outbox.Wanted(running, room, time.time(), self._settings.retries)

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
        running = self._stop_runner()
        if not self.is_empty or running:
            LOG.warning("notifications are left to the next monitor (`bridle notifications` shows them)")
        if running:
            try:
                with self._store.writing() as bulk:
                    outbox.release(bulk, running)
            except TryAgainError as error:
                LOG.warning("%s", error)

    def _stop_runner(self) -> list[str]:
        """End what runs; the keys of it."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        running = list(self._running)
        self._running.clear()
        return running


def _other_database(submit_dir: SubmitDir, store: Store) -> dict[str, str]:
    """For bridle-notify, if the database is not the one that the directory names. A password is nobody's business."""
    if store.name == str(database_of(submit_dir)) or "***" in store.name:
        return {}
    return {URL_VARIABLE: store.name}
