"""What DAGMan's JOBSTATE_LOG tells about the last run of a DAG. Pure.

The log goes on over rescue runs and recoveries; DAGMAN_FINISHED 3 is a restart and no end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dag_rewriter.logs.events import DAGMAN_RESTARTS, DagmanEvent, DagmanState, Malformed, NodeEvent
from dag_rewriter.logs.jobstate_log import parse

_DONE = ("JOB_SUCCESS", "POST_SCRIPT_SUCCESS")


@dataclass(slots=True)
class Attempts:
    """How a node went in one run."""

    numbers: set[int] = field(default_factory=set)
    """DAGMan's numbers of its attempts"""
    last: str = ""
    """the last word that DAGMan wrote"""

    @property
    def failed(self) -> bool:
        """Whether the last attempt failed; a POST script has the last word."""
        return self.last.endswith(("_FAILURE", "_FAILED"))

    @property
    def over(self) -> bool:
        """Whether the last attempt ended by itself."""
        return self.failed or self.last in _DONE

    def done(self, has_post: bool) -> bool:
        """Whether it succeeded, all told."""
        return self.last == _DONE[has_post]


@dataclass(slots=True)
class History:
    """The last run, and which nodes ever began."""

    started: int | None = None
    """when, in seconds since the epoch; a recovery goes on with the run before it"""
    ended: int | None = None
    exit_code: int | None = None
    nodes: dict[str, Attempts] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    untold: bool = False
    """whether a DAGMan has run, and no JOBSTATE_LOG says what its nodes did"""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


def parse_history(data: bytes, until: int | None = None) -> History:
    """Reads a JOBSTATE_LOG (or monitord's jobstate.log, which has the same words), events after `until` left out.

    >>> log = b"1 INTERNAL *** DAGMAN_STARTED 5.0 ***\\n2 A SUBMIT 6.0 - - 1\\n3 A JOB_SUCCESS 0 - - 1\\n"
    >>> history = parse_history(log + b"4 INTERNAL *** DAGMAN_FINISHED 0 ***\\n")
    >>> history.started, history.succeeded, history.nodes["A"].done(has_post=False)
    (1, True, True)
    """
    history = before = History()
    for line in data.split(b"\n"):
        event = parse(line, "surrogateescape")  # as the names of a DAG are
        if isinstance(event, Malformed) or (until is not None and event.time > until):
            continue
        if isinstance(event, NodeEvent):
            attempts = history.nodes.setdefault(event.node, Attempts())
            attempts.last = event.state
            attempts.numbers.add(event.attempt)
            history.ever.add(event.node)
        elif event.state is DagmanState.STARTED:
            history, before = History(started=event.time, ever=history.ever), history
        elif event.state is DagmanState.RECOVERY_STARTED and before.started is not None:
            before.ended, before.exit_code = None, None
            before.ever |= history.ever
            history = before
        else:
            _finish(history, event)
    return history


def _finish(history: History, event: DagmanEvent) -> None:
    code = event.info
    if (
        event.state is DagmanState.FINISHED
        and code.removeprefix("-").isdecimal()
        and int(code) != DAGMAN_RESTARTS
    ):
        history.ended, history.exit_code = event.time, int(code)
