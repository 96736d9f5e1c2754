"""Tells an event that a log repeats from a new one, by what HTCondor says of it: node, state, and when. Pure.

A log that was emptied and put back, replaced or damaged is read from its beginning; what follows from its events must
not be stored twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from dag_rewriter.logs.events import DagmanEvent, DagmanState, JobstateLine, NodeEvent
from dag_rewriter.logs.failed_jobs import JOB_ENDS
from monitord_job.stampede.attempt_fields import stampede_word

StoredState = tuple[str, str, int]
"""A node's name, Stampede's word for a state, and seconds since the epoch; the name is empty for the workflow's own."""

_OF_THE_WORKFLOW = ""
_JOBS_END = "JOB_FAILURE"
"""What counts for JOB_SUCCESS, too: DAGMan may have tolerated the failure that its log tells of."""
_OF_A_RUN = {DagmanState.STARTED: "WORKFLOW_STARTED", DagmanState.FINISHED: "WORKFLOW_TERMINATED"}


class KnownEvents:
    """The events of a workflow that are stored.

    >>> known = KnownEvents([("A", "SUBMIT", 10), ("A", "IMAGE_SIZE", 12)])
    >>> known.repeats(NodeEvent(10, "A", "SUBMIT", "38.0", 0)), known.repeats(NodeEvent(12, "A", "EXECUTE", "38.0", 0))
    (True, False)
    >>> [known.repeats(NodeEvent(12, "A", "IMAGE_SIZE", "38.0", 0)) for _ in range(2)]
    [True, False]
    """

    def __init__(self, stored: Iterable[StoredState], name_as_stored: Callable[[str], str] = str) -> None:
        self._name_as_stored = name_as_stored
        self.slack = 0
        """seconds that an event may come later in the log at hand than in the one that it was stored from"""
        self._latest = 0
        # By hash: of 100,000 jobs there are millions.
        self._times_stored: Counter[int] = Counter()
        for name, word, time in stored:
            self._times_stored[_key(name, word, time)] += 1
            self._latest = max(self._latest, time)

    def repeats(self, event: JobstateLine) -> bool:
        """Whether it is stored already. Each event of the log is to be asked about once, in order."""
        if isinstance(event, NodeEvent):
            return self._is_stored(self._name_as_stored(event.node), stampede_word(event.state), event.time)
        if not isinstance(event, DagmanEvent):
            return False
        word = _OF_A_RUN.get(event.state)
        # What DAGMan says when it is held, released or recovers leaves no row: of the past, all of it is known.
        return event.time < self._latest or (
            word is not None and self._is_stored(_OF_THE_WORKFLOW, word, event.time)
        )

    def _is_stored(self, name: str, word: str, time: int) -> bool:
        return any(self._is_stored_at(name, word, time - late) for late in range(self.slack + 1))

    def _is_stored_at(self, name: str, word: str, time: int) -> bool:
        key = _key(name, word, time)
        stored = self._times_stored.get(key, 0)
        if time < self._latest:
            return stored > 0  # what a recovering DAGMan repeated stands there twice, and was stored once
        if stored:
            self._times_stored[key] = stored - 1
        return stored > 0


def _key(name: str, word: str, time: int) -> int:
    return hash((name, _JOBS_END if word in JOB_ENDS else word, time))
