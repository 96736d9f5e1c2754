"""Whether anything can still happen in a run: the graph, the events, the retries. Pure.

A monitor that is an ordinary node cannot wait for DAGMan's end, for DAGMan waits for it. It must see by itself that
all other nodes are done, or have failed for good, or wait for one that has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dag_rewriter.logs.events import (
    DAGMAN_RESTARTS,
    DagmanEvent,
    DagmanState,
    NodeEvent,
    was_refused,
)


class Completion(Enum):
    """Whether a run can go on."""

    PENDING = "goes on"
    SUCCEEDED = "all nodes are done"
    FAILED = "nodes failed, and no other can run"


class _Fate(Enum):
    OPEN = 0
    DONE = 1
    FAILED = 2
    FUTILE = 3


@dataclass(frozen=True, slots=True)
class NodeTerms:
    """When a node has failed for good."""

    retries: int = 0
    unless_exit: int | None = None
    has_post: bool = False


_VERDICTS = {
    "JOB_SUCCESS": True,
    "JOB_FAILURE": False,
    "POST_SCRIPT_SUCCESS": True,
    "POST_SCRIPT_FAILURE": False,
}
_BEGINS = frozenset({"SUBMIT", "PRE_SCRIPT_STARTED", "POST_SCRIPT_STARTED", "EXECUTE"})


class CompletionTracker:
    """Follows the JOBSTATE_LOG from its beginning; to tell it the same line twice changes nothing.

    `nodes` are those that DAGMan starts for the graph's sake: without the monitor, SERVICE, FINAL and PROVISIONER.
    """

    def __init__(self, nodes: Mapping[str, NodeTerms], edges: Iterable[tuple[str, str]]) -> None:
        self._terms = nodes
        self._children: dict[str, list[str]] = {}
        for parent, child in edges:
            self._children.setdefault(parent, []).append(child)
        self._dagman: str | None = None
        self.latest = 0
        """seconds since the epoch of the last thing that happened, DAGMan's start at least; 0 before that"""
        self._started = 0
        self._ended = False
        self._before: tuple[str | None, dict[str, set[int]], dict[str, _Fate], int] | None = None
        self._begin(())

    def _begin(self, done: Collection[str]) -> None:
        self._failures: dict[str, set[int]] = {}
        self._fate = dict.fromkeys(self._terms, _Fate.OPEN)
        for name in done:
            if name in self._fate:
                self._fate[name] = _Fate.DONE
        self._open = sum(fate is _Fate.OPEN for fate in self._fate.values())

    @property
    def completion(self) -> Completion:
        """How the run stands after what was told."""
        if self._open or self._dagman is None:
            return Completion.PENDING
        failed = any(fate is not _Fate.DONE for fate in self._fate.values())
        return Completion.FAILED if failed else Completion.SUCCEEDED

    def apply(self, event: NodeEvent | DagmanEvent, done: Sequence[str] = ()) -> None:
        """The next line; `done` are the nodes that a DAGMan that starts with it takes for done (rescue DAG)."""
        if isinstance(event, DagmanEvent):
            # The same DAGMan again recovers: what it did counts.
            self._hear_of_dagman(event, done)
            return
        terms = self._terms.get(event.node)
        if terms is None:
            return
        self.latest = max(self.latest, event.time)
        if event.state in _BEGINS and self._fate[event.node] is not _Fate.DONE:
            self._reopen(event.node)
        elif event.state == "PRE_SCRIPT_FAILURE":
            # A POST script may run all the same (DAGMAN_ALWAYS_RUN_POST); it begins the attempt's end anew.
            self._failed(event.node, terms, event.attempt, None)
        elif event.state == "PRESKIP":
            self._reopen(event.node)  # its PRE script has failed before, in the log's words
            self._decide(event.node, _Fate.DONE)
        elif event.state in _VERDICTS and (not terms.has_post or event.state.startswith("POST")):
            code = int(event.info) if event.info.removeprefix("-").isdecimal() else None
            if _VERDICTS[event.state]:
                self._decide(event.node, _Fate.DONE)
            else:
                self._failed(event.node, terms, event.attempt, code)

    def _hear_of_dagman(self, event: DagmanEvent, done: Sequence[str]) -> None:
        if event.state is DagmanState.STARTED and event.info != self._dagman:
            self._before = None if self._ended else (self._dagman, self._failures, self._fate, self._open)
            self._dagman, self._started, self._ended = event.info, event.time, False
            self.latest = event.time
            self._begin(done)
        elif event.state is DagmanState.FINISHED and self._before and was_refused(event, self._started):
            self._dagman, self._failures, self._fate, self._open = self._before
            self._before = None
        elif event.state is DagmanState.FINISHED:
            self._ended = event.info != str(DAGMAN_RESTARTS)

    def _failed(self, node: str, terms: NodeTerms, attempt: int, code: int | None) -> None:
        attempts = self._failures.setdefault(node, set())
        attempts.add(attempt)
        hopeless = code is not None and code == terms.unless_exit
        if len(attempts) > terms.retries or hopeless:
            self._decide(node, _Fate.FAILED)
            self._give_up_below(node)

    def _give_up_below(self, node: str) -> None:
        below = list(self._children.get(node, ()))
        while below:
            child = below.pop()
            if self._fate.get(child) is _Fate.OPEN:
                self._decide(child, _Fate.FUTILE)
                below += self._children.get(child, ())

    def _decide(self, node: str, fate: _Fate) -> None:
        self._open += (fate is _Fate.OPEN) - (self._fate[node] is _Fate.OPEN)
        self._fate[node] = fate

    def _reopen(self, node: str) -> None:
        """It runs again, whatever was thought of it (DAGMAN_PUT_FAILED_JOBS_ON_HOLD): so may what waits for it."""
        if self._fate[node] is _Fate.OPEN:
            return
        self._decide(node, _Fate.OPEN)
        for name, fate in self._fate.items():
            if fate is _Fate.FUTILE:
                self._decide(name, _Fate.OPEN)
        for name in [name for name, fate in self._fate.items() if fate is _Fate.FAILED]:
            self._give_up_below(name)
