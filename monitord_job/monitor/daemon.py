"""The loop of the monitor: one step after the other until the run has ended, then out with 0."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from dag_rewriter.logs import dagman_log
from dag_rewriter.logs.dagman_log import DagmanJob
from dag_rewriter.logs.user_log import seconds_of
from monitord_job.errors import TryAgainError
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.trouble import patiently
from monitord_job.recording.completion import Completion
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.stampede.workflow_transitions import UNKNOWN_FAILURE
from monitord_job.waiting import Wait

if TYPE_CHECKING:
    from monitord_job.monitor.dispatcher import NotificationDispatcher
    from monitord_job.monitor.master_database import MasterDatabase

LOG = logging.getLogger("bridle.monitor")
_T = TypeVar("_T")
_BRIEFLY = 2.0
"""Seconds that a reader which catches up waits for the user's master database."""
_IDLE, _LONGEST_PAUSE = 100, 5.0
"""A look at quiet logs takes one part in so many of the time: with thousands of sub-workflows it is no short one."""
_AFTER_NEWS, _AT_WORK = 0.1, 20
"""Seconds until the next look where the last one found something, for more is likely; they double with each that finds
nothing. Looks then take one part in so many of the time at most."""


class Monitor:
    """Follows one run. `stop` is set by SIGTERM (the machine goes down, say), and by SIGURG, which sets `removed`, too:
    the job was removed, and HTCondor does not start it again. Where the run is about to end, the monitor drains.

    `heal` makes a broken database anew. `hand_over` makes sure that HTCondor starts somebody else who delivers, and
    says whether it has done so. The caller holds the submit directory's lock.
    """

    def __init__(
        self,
        submit_dir: SubmitDir,
        ingest: Hierarchy,
        limits: Limits | None = None,
        stop: threading.Event | None = None,
        dispatcher: NotificationDispatcher | None = None,
        heal: Callable[[], None] | None = None,
        master: MasterDatabase | None = None,
        removed: threading.Event | None = None,
        hand_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._dir = submit_dir
        self._ingest = ingest
        self._limits = limits or Limits()
        self._stop = stop or threading.Event()
        self._dispatcher = dispatcher
        self._heal = heal
        self._master = master
        self._removed = removed or threading.Event()
        self._hand_over = hand_over
        self._is_removed = False
        self._drain_until: float | None = None
        self._failed_since: float | None = None
        self._look = 0.0
        self._soon = _AFTER_NEWS

    def follow(self) -> None:
        """Return when the run has ended and all of it is stored. Raises TryAgainError if that cannot be had now.

        Of the notifications, some may still be due: `deliver_the_rest`.
        """
        LOG.info("following %s", self._dir.path)
        with self._ingest.listening():
            self._follow()

    def _follow(self) -> None:
        self._patiently(self._ingest.open)
        if self._ingest.watch is not None:
            self._ingest.watch.refuse_to_be_the_only_one()
        if self._dispatcher is not None and self._ingest.workflow.running:
            self._tell_of_a_restart(self._dispatcher)
        # First to the end: in a rescue run, what is stored says that the run (before) has ended.
        self._to_the_end_of_the_logs()
        while not self._ingest.ended and not self._is_complete():
            if not self._end_if_dagman_is_gone():
                self._wait()
            self._to_the_end_of_the_logs()
        self._await_metrics()
        self._await_the_last_jobs()
        LOG.info("the run has ended with status %s, everything is stored", self._ingest.workflow.status)
        self._forget_who_removed_us()
        self._deliver_for(self._limits.notifications)
        self._tell_the_master_database(self._limits.master)

    def _is_complete(self) -> bool:
        """Whether DAGMan waits for nothing but us; then the run is stored as ended, for it ends when we leave."""
        watch = self._ingest.watch
        completion = Completion.PENDING if watch is None else watch.completion
        if watch is None or completion is Completion.PENDING:
            self._failed_since = None
            return False
        if completion is Completion.FAILED:
            self._failed_since = self._failed_since or time.monotonic()
            if time.monotonic() - self._failed_since < self._limits.failure_grace:
                return False
        self._to_the_end_of_the_logs()
        if watch.ends_the_run and self._ingest.workflow.running:
            code = int(completion is Completion.FAILED)
            self._patiently(lambda: self._ingest.end_run(watch.latest, code))
        LOG.info("nothing more can happen: %s", completion.value)
        return True

    def _await_metrics(self) -> None:
        wait = Wait(self._limits.metrics, 0.05)
        while self._ingest.metrics_due and wait.go_on():
            self._to_the_end_of_the_logs()

    def _await_the_last_jobs(self) -> None:
        """A DAGMan that was removed leaves before its jobs do."""
        wait = Wait(self._limits.last_jobs, 0.3)
        while self._patiently(self._ingest.record_leftover_jobs) and wait.go_on():
            pass

    def catch_up(self) -> None:
        """Store what the logs hold now, and return."""
        self._patiently(self._ingest.open)
        self._to_the_end_of_the_logs()
        self._end_if_dagman_is_gone()
        self._patiently(self._ingest.record_leftover_jobs)
        self._deliver_now()
        self._tell_the_master_database(min(_BRIEFLY, self._limits.master))

    def _tell_the_master_database(self, seconds: float) -> None:
        if self._master is not None:
            self._master.finish(self._ingest.workflow, seconds)

    def _tell_of_a_restart(self, dispatcher: NotificationDispatcher) -> None:
        token = str(time.time_ns())
        self._patiently(lambda: dispatcher.restarted(token))

    def _deliver(self) -> None:
        if self._dispatcher is not None:
            self._patiently(self._dispatcher.step)

    def _forget_who_removed_us(self) -> None:
        """It was DAGMan, at its end. Who does it once more wants us to go."""
        self._is_removed = self._removed.is_set()
        if self._is_removed:
            self._stop.clear()

    def _deliver_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._dispatcher is not None and time.monotonic() < deadline:
            self._deliver()
            if self._dispatcher.is_empty or self._stop.is_set():
                return
            self._dispatcher.wait(0.2)

    def _deliver_now(self) -> None:
        """Run all scripts that are due, to their ends; what asks to be run again later stays due."""
        while self._dispatcher is not None and self._dispatcher.at_work and not self._stop.is_set():
            self._deliver()
            self._dispatcher.wait(0.2 if self._dispatcher.at_work else 0.0)

    def deliver_the_rest(self) -> None:
        """Return when nothing is due any more, or somebody else delivers it: the next run's monitor, another job.

        Each script has the time that its limit gives it, and what asks to be run again is, for as long as the settings
        say. Raises TryAgainError if told to stop before.
        """
        dispatcher = self._dispatcher
        if dispatcher is None:
            return
        # DAGMan waits for us, or no schedd will start us again.
        is_awaited = self._ingest.watch is not None or self._is_removed
        dagman = self._ingest.workflow.dagman_id
        look = hand_over = 0.0
        while True:
            self._deliver()
            if dispatcher.is_empty:
                return
            if self._stop.is_set():
                what = "told to stop while notifications are due"
                raise TryAgainError(str(self._dir.path), what, f"see `bridle notifications {self._dir.path}`")
            if time.monotonic() >= look:
                look = time.monotonic() + _LONGEST_PAUSE
                self._to_the_end_of_the_logs()
                if self._ingest.workflow.dagman_id != dagman:
                    LOG.info("the workflow is run again; its next monitor delivers what is due")
                    return
            if is_awaited and time.monotonic() >= hand_over:
                hand_over = time.monotonic() + self._limits.notifications
                if self._hand_over():
                    return
            dispatcher.wait(1.0)

    def _to_the_end_of_the_logs(self) -> None:
        while True:
            began = time.thread_time()
            progress = self._patiently(self._ingest.step)
            self._look = time.thread_time() - began
            if progress.lines:
                self._soon = _AFTER_NEWS
            if self._master is not None:
                self._master.look(self._ingest.workflow)
            self._deliver()
            if not progress.lines and progress.at_end:
                return

    def _end_if_dagman_is_gone(self) -> bool:
        """End a run whose DAGMan left the queue without a last line of its own; False if there is no such thing."""
        workflow = self._ingest.workflow
        job = self._dagman_job(workflow.dagman_id) if workflow.running else None
        if job is None or not job.ended:
            return False
        # The last line, if DAGMan wrote one, stood in its log before the schedd wrote this event.
        self._to_the_end_of_the_logs()
        if self._ingest.workflow.running:
            code = UNKNOWN_FAILURE if not job.code else job.code
            self._patiently(lambda: self._ingest.end_run(_event_time(job.when), code))
        return True

    def _dagman_job(self, job: str | None) -> DagmanJob | None:
        try:
            return dagman_log.job_in(files.read(self._dir.dagman_log), job or "")
        except FileError:
            return None

    def _wait(self) -> None:
        if self._drain_until is None and not self._pause():
            return
        now = time.monotonic()
        self._drain_until = self._drain_until or now + self._limits.drain
        where = str(self._dir.path)
        if self._ingest.workflow.restarting:
            raise TryAgainError(where, "DAGMan was stopped and will be run again", "so will its monitor")
        if now > self._drain_until:
            raise TryAgainError(
                where, "told to stop while DAGMan goes on", "HTCondor starts the monitor again"
            )
        time.sleep(min(self._limits.poll, 0.1))

    def _pause(self) -> bool:
        """Let the time between two looks go by, in which scripts may end; True if told to stop."""
        dispatcher = self._dispatcher
        pause = self._until_next_look()
        if dispatcher is None:
            return self._stop.wait(pause)
        if self._ingest.workflow.running:
            self._patiently(dispatcher.silent)
        deadline = time.monotonic() + pause
        while dispatcher.at_work and not self._stop.is_set() and time.monotonic() < deadline:
            dispatcher.wait(max(0.0, deadline - time.monotonic()))
            self._deliver()
        return self._stop.wait(max(0.0, deadline - time.monotonic()))

    def _until_next_look(self) -> float:
        at_rest = max(self._limits.poll, min(_IDLE * self._look, _LONGEST_PAUSE))
        pause = min(at_rest, max(self._soon, _AT_WORK * self._look))
        self._soon = 2 * pause
        return pause

    def _patiently(self, action: Callable[[], _T]) -> _T:
        # Whether a commit that failed took place after all, and which database this now is, stands there.
        return patiently(action, self._limits, self._ingest.open, self._heal)


def _event_time(when: str) -> int:
    """Seconds since the epoch of an event's time; now, if it has none that can be read."""
    now = time.time()
    try:
        return seconds_of(when, None, now)
    except (ValueError, OverflowError, OSError):
        return int(now)
