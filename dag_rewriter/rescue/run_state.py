"""Where a workflow stands, and where it would go on: from its rescue DAGs, its log and its DAG. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from dag_rewriter.rescue.rescue_dag import RescueDag
from dag_rewriter.rescue.run_history import History

if TYPE_CHECKING:
    from dag_rewriter.model.splices import WholeDag


class NodeState(Enum):
    """Where a node stands."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """began and did not end: DAGMan was removed, or died"""
    AGAIN = "again"
    """ran before, and is to run again"""
    NEVER = "never started"


@dataclass(frozen=True, slots=True)
class NumberedRescue:
    """A rescue DAG on disk."""

    number: int
    name: str
    rescue: RescueDag
    time: int
    """when it was made (what its header says, else the file's time), in seconds since the epoch"""

    @property
    def ours(self) -> bool:
        return self.rescue.origin is not None


@dataclass(frozen=True, slots=True)
class RunState:
    """Every node and where it stands."""

    source: str
    """what says so"""
    nodes: Mapping[str, NodeState]
    rescue: int | None = None
    """the number of the rescue DAG that says so"""

    def of(self, state: NodeState) -> tuple[str, ...]:
        """The nodes in one state, in the order of the DAG."""
        return tuple(name for name, its_state in self.nodes.items() if its_state is state)

    def by_state(self) -> dict[NodeState, tuple[str, ...]]:
        """The nodes in each state."""
        return {state: self.of(state) for state in NodeState}

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        nodes = self.by_state()
        return {
            "source": self.source,
            "rescue": self.rescue,
            "nodes": len(self.nodes),
            "counts": {state.value: len(names) for state, names in nodes.items()},
            **{state.value.replace(" ", "_"): list(names) for state, names in nodes.items()},
        }


def node_names(whole: WholeDag) -> tuple[str, ...]:
    """The nodes that a rescue DAG may mark as done: bridle's monitor is none, nor are FINAL, SERVICE, PROVISIONER."""
    return tuple(whole.ordinary_names())


def state_after(whole: WholeDag, newest: NumberedRescue, history: History) -> RunState:
    """Where a run stands that goes on from a rescue DAG; `history` is the log up to when the file was made."""
    done, failed = set(newest.rescue.done), set(newest.rescue.failed)
    return RunState(newest.name, _states(whole, done, failed, history), newest.number)


def state_now(whole: WholeDag, rescues: Sequence[NumberedRescue], history: History) -> RunState:
    """Where a workflow stands now.

    The newest rescue DAG says so if it is of the last run or was made after it; else the last run's own end; else,
    where DAGMan died without a word, its log.
    """
    newest = rescues[-1] if rescues else None
    if newest is not None and _newer(newest, history):
        return state_after(whole, newest, history)
    names = node_names(whole)
    # RETURN 0 may cut a run short.
    if history.succeeded and not any(part.dag.index.table(b"ABORT_DAG_ON") for part in whole.parts):
        return RunState("the last run, which succeeded", dict.fromkeys(names, NodeState.DONE))
    if history.started is None:
        source = (
            "the DAG; no JOBSTATE_LOG tells of its run" if history.untold else "the DAG, which has not run"
        )
        return RunState(source, _states(whole, set(), set(), history))
    works = (work for part in whole.parts for work in part.works())
    post = {work.name for work in works if work.post is not None}
    done = {name for name, attempts in history.nodes.items() if attempts.done(name in post)}
    failed = {name for name, attempts in history.nodes.items() if attempts.failed}
    if newest is not None:
        done |= set(newest.rescue.done)  # the last run went on from there
    return RunState("the log of the last run", _states(whole, done, failed, history))


def _newer(newest: NumberedRescue, history: History) -> bool:
    """One that we write is made before the run that uses it, one of DAGMan's at the end of a run: in the second in
    which a run begins, that tells them apart."""
    if history.started is None:
        return True
    return newest.time > history.started or (not newest.ours and newest.time == history.started)


def _states(whole: WholeDag, done: set[str], failed: set[str], history: History) -> dict[str, NodeState]:
    done = done | whole.done()
    is_done = NodeState.DONE
    return {name: is_done if name in done else _state(name, failed, history) for name in node_names(whole)}


def _state(name: str, failed: set[str], history: History) -> NodeState:
    if name in failed:
        return NodeState.FAILED
    attempts = history.nodes.get(name)
    if attempts is not None and not attempts.over:
        return NodeState.INTERRUPTED
    return NodeState.AGAIN if name in history.ever else NodeState.NEVER
