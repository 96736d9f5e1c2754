"""The state of `dagman_out` at work, and what it means for the times and the order of events."""

from __future__ import annotations

from datetime import tzinfo

from dag_rewriter.logs.events import JobstateLine, Malformed, NodeEvent
from monitord_job.logs import dagman_out_format
from monitord_job.logs.dagman_out_state import DagmanOutState
from monitord_job.logs.dagman_out_time import epoch_of, epoch_of_learned, prefix_length
from monitord_job.text.unprintable import text_of

UNKNOWN_TIME = (
    "its times are in a format that cannot be told (DEBUG_TIME_FORMAT): what follows cannot be read; run it with "
    "DEBUG_TIME_FORMAT as it is by default, or with `bridle run`, which has a JOBSTATE_LOG written"
)
_SOON = 120
"""Seconds within which DAGMan begins to write as it was configured."""


class Reader:
    """A state while lines are read; `events` is what the present line completes."""

    def __init__(self, state: DagmanOutState, zone: tzinfo | None, clock_zone: tzinfo | None = None) -> None:
        self.zone = zone
        self.clock_zone = clock_zone or zone
        self.events: list[JobstateLine] = []
        self.stamp: bytes | None = None
        self.clock = state.clock
        self.event_clock = state.event_clock
        self.starting = state.starting
        self.refused = state.refused
        self.reason = state.reason
        self.submitting = state.submitting
        self.held_back = state.held_back
        self.fresh, self.recovering = state.fresh, state.recovering
        self.seen, self.at, self.judged = state.seen, state.at, state.judged
        self.clusters = dict(state.clusters)
        self.format_text = state.format
        self.format = dagman_out_format.compiled(state.format) if state.format else None

    def state(self) -> DagmanOutState:
        return DagmanOutState(
            clock=self.clock,
            event_clock=self.event_clock,
            starting=self.starting,
            refused=self.refused,
            reason=self.reason,
            submitting=self.submitting,
            held_back=self.held_back,
            fresh=self.fresh,
            recovering=self.recovering,
            seen=self.seen,
            at=self.at,
            judged=self.judged,
            clusters=tuple(self.clusters.items()),
            format=self.format_text,
        )

    def read_stamp(self, stamp: bytes) -> bool:
        """Set the clock by what stands before a message; False if that is no time: another message goes on there."""
        if stamp == self.stamp:
            return True
        if self.format is None:
            time = epoch_of(stamp, self.clock_zone, self.clock)
        else:
            time = epoch_of_learned(self.format, stamp, self.clock_zone, self.clock)
        if time is None:
            return False
        self.stamp, self.clock = stamp, time
        return True

    def start_of(self, line: bytes) -> int:
        """Where the message of a line begins, in a log whose format was learned; the next DAGMan begins without it."""
        if self.format is not None and not _is_head(line):
            return self.format.prefix_length(line)
        self._take_format("")
        return prefix_length(line)

    def learn_format(self, line: bytes) -> None:
        """Find out how times are written from now on: from this first line, which is as old as the one before it."""
        prefix = line[: line.find(dagman_out_format.MARK)]
        if prefix_length(line) == len(prefix):
            time = epoch_of(prefix, self.clock_zone, self.clock)
            if time is not None and abs(time - self.clock) <= _SOON:
                self._take_format("")
                return
        learned = dagman_out_format.learn(prefix, self.clock, self.clock_zone)
        if learned is None:
            self.events.append(Malformed(text_of(line), UNKNOWN_TIME))
        self._take_format(learned or "")

    def _take_format(self, text: str) -> None:
        self.stamp = None
        self.format_text = text
        self.format = dagman_out_format.compiled(text) if text else None

    def read_event_time(self, when: bytes | None) -> None:
        """Set the clock of the job log by an event's time; without one, it was when DAGMan read the event."""
        time = epoch_of(when, self.zone, self.event_clock) if when else None
        self.event_clock = self.clock if time is None else time

    def let_go(self) -> None:
        self.events.extend(self.held_back)
        self.held_back = ()

    def hold_back(self, node: str, state: str, info: str, time: int) -> None:
        self.held_back = (*self.held_back, NodeEvent(time, node, state, info, 0))

    def tell(self, node: str, state: str, info: str, time: int) -> None:
        self.events.append(NodeEvent(time, node, state, info, 0))

    @property
    def known(self) -> bool:
        """True in that part of a RECOVERY section that tells again what was read before."""
        return self.recovering and self.at <= self.seen

    @property
    def now(self) -> int:
        """When DAGMan judges: now, but in a RECOVERY section when the event was that it missed."""
        return self.event_clock if self.recovering else self.clock

    def count(self) -> bool:
        """Take note of an event in the nodes.log; False if it was read before."""
        if self.fresh:
            # DAGMan truncates its nodes.log when it does not recover; what was counted is gone with it.
            self.fresh, self.seen = False, 0
            self.clusters.clear()
        if not self.recovering:
            self.seen += 1
            return True
        self.at += 1
        if self.known:
            return False
        self.seen = self.at
        return True

    def outcome_is_known(self) -> bool:
        """True if what DAGMan says of the last event's job or script was said before the RECOVERY section."""
        if self.recovering and (self.at < self.seen or (self.at == self.seen and self.judged)):
            return True
        self.judged = True
        return False


def _is_head(line: bytes) -> bool:
    return b" (CONDOR_DAGMAN) STARTING UP" in line
