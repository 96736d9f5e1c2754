"""Taps the rows on their way into the transaction, and puts the notifications that follow from them beside these.

Whoever stores rows does it, of a run that was submitted with a monitor, or that a monitor has begun to notify of: a
reader that comes first takes nothing away from the monitor. Without rules it costs a look at the files at each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from monitord_job.database.bridle_tables import BRIDLE_NOTIFYING
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.notifications import outbox
from monitord_job.notifications.active_rules import Rules
from monitord_job.notifications.history_queries import latest_below, load_state, notifying_since
from monitord_job.notifications.matching import Notification
from monitord_job.notifications.rule import On
from monitord_job.notifications.triggers import (
    NotificationState,
    Trigger,
    TriggerFinder,
    WorkflowIdentity,
    monitor_restarted,
    stalled,
)
from monitord_job.stampede.rows import Row


class Notify(Enum):
    """Whether what happens makes notifications due."""

    BEGIN = "begin"
    """yes: a monitor at work, or somebody who asked for it"""
    GO_ON = "go on"
    """if the run was submitted with a monitor, or one has begun to"""
    NO = "no"


@dataclass(slots=True)
class _Followed:
    workflow: WorkflowIdentity
    rules: Rules
    state: NotificationState | None = None


@dataclass(slots=True)
class NotificationTap:
    """The notifications of the hierarchy whose top is `wf_uuid`.

    `since`: what happened before is nobody's news, in seconds since the epoch; -1: nothing is news.
    """

    wf_uuid: str
    notify: Notify = Notify.GO_ON
    since: Callable[[], int] = int
    may_be_due: bool = True
    """whether anything may be due now, as far as is known"""
    may_lack_deliveries: bool = False
    """whether the outbox may be another one, or older than what was delivered"""
    not_before: int = 0
    """what happened earlier is due already, if it ever was"""
    is_another: bool = False
    """whether the outbox may be another than it was"""
    _followed: dict[str, _Followed] = field(default_factory=dict)
    _silences: frozenset[str] = frozenset()
    _begun: int | None = None
    """since when notifications are made; -1: they are not"""

    def follow(self, workflow: WorkflowIdentity, rules: Rules) -> None:
        """A workflow is at work; its rows will come."""
        self._followed[workflow.wf_uuid] = _Followed(workflow, rules)

    def forget(self) -> None:
        """The database may be another one, or lack what was thought to be stored."""
        self._begun = None
        self.may_be_due = self.is_another = True
        for followed in self._followed.values():
            followed.state = None

    def tapped(self, bulk: Bulk, wf_uuid: str, rows: Iterable[Row]) -> Iterable[Row]:
        """The same rows; when they have passed, what they made due is in the outbox."""
        followed = self._at_work(bulk, wf_uuid)
        return rows if followed is None else self._tap(bulk, followed, rows)

    def is_new(self, bulk: Bulk) -> bool:
        """Whether no monitor has begun to notify of the run."""
        return notifying_since(bulk, self.wf_uuid) is None

    def is_at_work(self, bulk: Bulk) -> bool:
        """Whether what happens in the run makes anything due."""
        return self._since(bulk) >= 0

    def _at_work(self, bulk: Bulk, wf_uuid: str) -> _Followed | None:
        followed = self._followed.get(wf_uuid)
        if followed is None or self._since(bulk) < 0:
            return None
        if not followed.rules.refresh():
            followed.state = None
            return None
        if followed.state is None:
            followed.state = load_state(bulk, wf_uuid)
        return followed

    def _since(self, bulk: Bulk) -> int:
        if self._begun is None:
            begun = notifying_since(bulk, self.wf_uuid)
            if begun is None:
                begun = -1 if self.notify is Notify.NO else self.since()
                if begun >= 0:
                    bulk.insert(BRIDLE_NOTIFYING, "wf_uuid since", [(self.wf_uuid, begun)], Clash.KEEP)
            self._begun = -1 if self.notify is Notify.NO else begun
        return self._begun

    def _tap(self, bulk: Bulk, followed: _Followed, rows: Iterable[Row]) -> Iterator[Row]:
        assert followed.state is not None
        finder = TriggerFinder(followed.workflow, followed.state, followed.rules.book.asks_about)
        due: list[Notification] = []
        handlers = finder.handlers
        for row in rows:
            if type(row) in handlers:  # each row of a run passes here, and most tell of nothing
                for trigger in finder.triggers(row):
                    due += self._due(followed, trigger)
            yield row
        self._put(bulk, due)

    def _due(self, followed: _Followed, trigger: Trigger) -> Iterable[Notification]:
        if trigger.time < max(self._begun or 0, self.not_before):
            return ()
        return followed.rules.book.due(followed.workflow, trigger)

    def _put(self, bulk: Bulk, due: list[Notification]) -> None:
        if due:
            outbox.put(bulk, self.wf_uuid, due)
            self.may_be_due = True

    def restarted(self, bulk: Bulk, token: str, now: int) -> None:
        """Another monitor is at work in the middle of a run that an earlier one notified of."""
        if self.is_new(bulk):
            return
        followed = self._at_work(bulk, self.wf_uuid)
        if followed is not None:
            self._put(bulk, list(self._due(followed, monitor_restarted(followed.workflow, token, now))))

    def says_more(self, now: int) -> bool:
        """Whether the silence up to now makes anything due that is not in the outbox, as far as is known."""
        followed = self._followed.get(self.wf_uuid)
        if followed is None or not followed.rules.refresh().asks_for(On.STALLED):
            return False
        return followed.state is None or bool(self._of_silence(followed, followed.state, now))

    def silent(self, bulk: Bulk, now: int) -> None:
        """Time goes by while nothing happens."""
        followed = self._at_work(bulk, self.wf_uuid)
        if followed is not None and followed.state is not None:
            followed.state.latest = max(followed.state.latest, latest_below(bulk, self.wf_uuid))
            due = self._of_silence(followed, followed.state, now)
            self._put(bulk, due)
            self._silences = self._silences | {item.key for item in due}

    def _of_silence(self, followed: _Followed, state: NotificationState, now: int) -> list[Notification]:
        due = self._due(followed, stalled(followed.workflow, state, now))
        return [item for item in due if item.key not in self._silences]
