"""The monitor's part in delivery: settings from the properties, what to do between two looks at the logs, the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.url import database_of, properties_of
from monitord_job.errors import CannotWorkError, TryAgainError
from monitord_job.logs.events import DAGMAN_RESTARTS
from monitord_job.notifications import outbox
from monitord_job.notifications.delivery import Delivery, DeliverySettings
from monitord_job.notifications.resend_requests import drop_requests, pending_requests
from monitord_job.notifications.row_tap import OutboxFeed
from monitord_job.recording.store import Store

LOG = logging.getLogger("bridle.monitor")
RUN_VARIABLE = "BRIDLE_RUN"
"""The run as commands take it (a submit directory or a DAG), also for what is below it."""
URL_VARIABLE = "BRIDLE_DATABASE_URL"
"""Its database, if somebody said with --url which that is."""
_PREFIX = "pegasus.monitord.notifications"
_FALSE = frozenset({"false", "no", "off", "0"})
_FOR_EVER = 10 * 365 * 86400.0


def settings_of(submit_dir: SubmitDir) -> DeliverySettings | None:
    """How notifications are delivered, None if not at all. Raises CannotWorkError for a property that says nothing."""
    where, properties = properties_of(submit_dir)
    if (properties.get(_PREFIX) or "true").strip().lower() in _FALSE:
        return None
    default = DeliverySettings()
    most = _number(where, properties, "max")
    limit = _number(where, properties, "timeout")
    if most == 0:
        return None
    return DeliverySettings(
        most=default.most if most is None else most,
        # As for pegasus-monitord: 0 is no limit. But that has to be said.
        limit=default.limit if limit is None else float(limit) or _FOR_EVER,
        retries=_number(where, properties, "retries"),
        environment={RUN_VARIABLE: str(submit_dir.path if submit_dir.is_planned else submit_dir.dag_file)},
    )


def _other_database(submit_dir: SubmitDir, store: Store) -> dict[str, str]:
    """For bridle-notify, if the database is not the one that the directory names. A password is nobody's business."""
    if store.name == str(database_of(submit_dir)) or "***" in store.name:
        return {}
    return {URL_VARIABLE: store.name}


def _number(where: str, properties: Mapping[str, str], name: str) -> int | None:
    text = (properties.get(f"{_PREFIX}.{name}") or "").strip()
    if not text or text.startswith("-"):
        return None
    if not text.isdecimal():
        what = f"{_PREFIX}.{name} is {text!r}, which is no whole number"
        raise CannotWorkError(where, what, f"for example: {_PREFIX}.{name} = 10")
    return int(text)


class Desk:
    """Delivers what is in the outbox of a store, between other work."""

    def __init__(self, submit_dir: SubmitDir, store: Store, settings: DeliverySettings) -> None:
        assert store.notifications is not None
        self._store = store
        self._feed: OutboxFeed = store.notifications
        self._resend = submit_dir.resend
        self._settings = settings
        settings = replace(
            settings, environment={**settings.environment, **_other_database(submit_dir, store)}
        )
        self._delivery = Delivery(self, settings, submit_dir.path, submit_dir.delivered)

    @property
    def may_be_due(self) -> bool:
        """Whether anything may be due now."""
        retry = self._feed.next_retry
        return self._feed.may_be_due or (retry is not None and time.time() >= retry)

    @property
    def at_work(self) -> bool:
        """Whether a script runs, or anything may be due now."""
        return self._delivery.at_work

    def step(self) -> None:
        """Keep what has ended, hand over what is due, look whether somebody wants something again."""
        if self._resend.exists():
            self._take_requests()
        self._delivery.step()

    def exchange(self, ended: list[outbox.Ended], in_flight: frozenset[str], room: int) -> list[outbox.Task]:
        """Keep what has ended and take what is due next, in one transaction."""
        wanted = outbox.Wanted(in_flight, room, time.time(), self._settings.retries)
        with self._store.writing() as bulk:
            return self._feed.exchange(bulk, ended, wanted)

    def settle_left(self, left: list[outbox.Ended]) -> list[tuple[outbox.Task, outbox.Ended]]:
        """Keep what had ended when an earlier monitor was killed."""
        wanted = outbox.Wanted(frozenset(), 0, time.time(), self._settings.retries)
        with self._store.writing() as bulk:
            return outbox.settle_left(bulk, self._feed.wf_uuid, left, wanted)

    def wait(self, seconds: float) -> None:
        """Until a script ends, at most so long."""
        self._delivery.wait(seconds)

    def silent(self) -> None:
        """Nothing has happened since the last look, in a run that goes on."""
        now = int(time.time())
        if self._feed.says_more(now):
            with self._store.writing() as bulk:
                self._feed.silent(bulk, now)

    def restarted(self, token: str) -> None:
        """This monitor goes on where another one has left off."""
        with self._store.writing() as bulk:
            self._feed.restarted(bulk, token, int(time.time()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be delivered, now or later."""
        return not self.at_work and self._feed.next_retry is None

    def close(self) -> None:
        """Leave: what still runs is ended, and is due for the next monitor."""
        running = self._delivery.close()
        if not self.is_empty or running:
            LOG.warning("notifications are left to the next monitor (`bridle notifications` shows them)")
        if running:
            try:
                with self._store.writing() as bulk:
                    outbox.release(bulk, running)
            except TryAgainError as error:
                LOG.warning("%s", error)

    def _take_requests(self) -> None:
        requests = pending_requests(self._resend)
        with self._store.writing() as bulk:
            outbox.make_due_again(
                bulk, self._feed.wf_uuid, [key for keys in requests.values() for key in keys]
            )
        self._feed.may_be_due = True
        drop_requests(self._resend, requests)


def run_began(log: Path, dagman_out: Path) -> tuple[int, bool]:
    """When the newest run of a directory began, in seconds since the epoch, and whether it is over.

    A run that DAGMan writes no JOBSTATE_LOG of begins with the first look at it.
    """
    began, dagman, over = 0, None, False
    try:
        with log.open("rb") as lines:
            for line in lines:
                if b" INTERNAL *** DAGMAN_" not in line:
                    continue
                time_text, _, _, word, *rest = line.split()
                if word == b"DAGMAN_STARTED":
                    if dagman != rest[0]:
                        began, dagman = int(time_text), rest[0]
                    over = False
                else:
                    over = rest[0] != str(DAGMAN_RESTARTS).encode()
    except FileNotFoundError:
        return (int(time.time()), False) if dagman_out.exists() else (0, False)
    except (ValueError, IndexError):
        LOG.warning("%s: a line of DAGMan's cannot be read", log)
    return began, over
