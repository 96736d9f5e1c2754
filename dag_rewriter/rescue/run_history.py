"""What DAGMan's JOBSTATE_LOG tells about the last run of a DAG, and its job's event log about DAGMan itself. Pure.

The log goes on over rescue runs and recoveries; DAGMAN_FINISHED 3 is a restart and no end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dag_rewriter.language.text import text_of

_RESTART = 3  # EXIT_RESTART of dagman_main.h
_DONE = ("JOB_SUCCESS", "POST_SCRIPT_SUCCESS")
_EVENT = re.compile(rb"^(\d{3}) \((\d+)\.(\d+)\.\d+\)", re.MULTILINE)
_LEFT = (b"005", b"009")  # terminated, aborted


@dataclass(slots=True)
class Attempts:
    """How a node went in one run."""

    numbers: set[str] = field(default_factory=set)
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

    @property
    def succeeded(self) -> bool:
        return self.ended is not None and self.exit_code == 0


def parse_history(data: bytes, until: int | None = None) -> History:
    """Reads a JOBSTATE_LOG (or monitord's jobstate.log, which has the same words), events after `until` left out.

    >>> log = b"1 INTERNAL *** DAGMAN_STARTED 5.0 ***\\n2 A SUBMIT 6.0 - - 1\\n3 A JOB_SUCCESS 0 - - 1\\n"
    >>> found = parse_history(log + b"4 INTERNAL *** DAGMAN_FINISHED 0 ***\\n")
    >>> found.started, found.succeeded, found.nodes["A"].done(has_post=False)
    (1, True, True)
    """
    history = before = History()
    for line in text_of(data).split("\n"):
        words = line.split()
        if len(words) < 3 or not words[0].isdigit() or (until is not None and int(words[0]) > until):
            continue
        if words[1] != "INTERNAL":
            attempts = history.nodes.setdefault(words[1], Attempts())
            attempts.last = words[2]
            attempts.numbers.add(words[-1])
            history.ever.add(words[1])
        elif "DAGMAN_STARTED" in words:
            history, before = History(started=int(words[0]), ever=history.ever), history
        elif "RECOVERY_STARTED" in words and before.started is not None:
            before.ended, before.exit_code = None, None
            before.ever |= history.ever
            history = before
        elif "DAGMAN_FINISHED" in words:
            code = words[words.index("DAGMAN_FINISHED") + 1]
            if code.lstrip("-").isdigit() and int(code) != _RESTART:
                history.ended, history.exit_code = int(words[0]), int(code)
    return history


def queued_dagman(dagman_log: bytes) -> str | None:
    """The DAGMan job that is in the queue (perhaps held), by its own event log; None if it has left.

    >>> queued_dagman(b"000 (055.000.000) submitted\\n...\\n012 (055.000.000) held\\n...\\n")
    '55.0'
    """
    last: Mapping[str, bytes] | None = None
    for match in _EVENT.finditer(dagman_log):
        last = {"job": b"%d.%d" % (int(match[2]), int(match[3])), "event": match[1]}
    return None if last is None or last["event"] in _LEFT else last["job"].decode()
