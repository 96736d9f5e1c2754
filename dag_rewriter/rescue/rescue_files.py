"""Rescue DAGs on disk: which there are, where the workflow stands, and the steps that make, or set aside, some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.directory import liveness
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of
from dag_rewriter.directory.subworkflows import sub_workflows
from dag_rewriter.errors import RunningError
from dag_rewriter.logs import dagman_log
from dag_rewriter.logs.failed_jobs import LONGEST_SETTING, TOLERATES, Failures, Tolerance, judged_log
from dag_rewriter.rescue.newest_rescue import rescue_limit
from dag_rewriter.rescue.rescue_dag import MAX_RESCUE_NUM, numbered, parse_rescue
from dag_rewriter.rescue.run_history import History, parse_history
from dag_rewriter.rescue.run_state import (
    NodeState,
    NumberedRescue,
    RunState,
    node_names,
    state_after,
    state_now,
)

if TYPE_CHECKING:
    from dag_rewriter.model.splices import WholeDag


@dataclass(frozen=True, slots=True)
class Workflow:
    """A DAG with its rescue DAGs, its log, and the DAGs of its sub-workflow nodes."""

    submit_dir: SubmitDir
    whole: WholeDag
    rescues: tuple[NumberedRescue, ...]
    """by number, the lowest first"""
    set_aside: tuple[str, ...]
    """the names of those that are out of use, and of old locks (*.old)"""
    log: bytes
    history: History
    limit: int
    """DAGMAN_MAX_RESCUE_NUM"""
    has_log: bool
    """whether a DAGMan ever wrote its nodes.log"""
    has_lock: bool
    """whether a DAGMan works on it, or died"""
    children: Mapping[str, Workflow] = field(default_factory=dict)
    """by node; those that are planned"""
    _stands: list[RunState] = field(default_factory=list, init=False, repr=False, compare=False)
    """what `run_state` has found: of a million nodes, once"""

    @property
    def run_state(self) -> RunState:
        """Where it stands now."""
        if not self._stands:
            self._stands.append(state_now(self.whole, self.rescues, self.history))
        return self._stands[0]

    @property
    def has_run(self) -> bool:
        return bool(self.rescues) or self.history.started is not None or self.history.untold or self.has_log

    @property
    def is_untold(self) -> bool:
        """Whether it has run, and neither a rescue DAG nor a JOBSTATE_LOG nor its good end says what is done."""
        if not self.history.untold or self.history.started is not None:
            return False
        state = self.run_state
        return state.rescue is None and any(each is not NodeState.DONE for each in state.nodes.values())

    def state_from(self, start: NumberedRescue) -> RunState:
        """Where a run stands that goes on from that rescue DAG."""
        return state_after(self.whole, start, parse_history(self.log, until=start.time))

    def in_all(self) -> Iterator[Workflow]:
        """This one and all below it."""
        yield self
        for child in self.children.values():
            yield from child.in_all()


def read_workflow(submit_dir: SubmitDir, above: tuple[Path, ...] = ()) -> Workflow:
    """Everything that `bridle rescue` needs. Raises FileError, SubmitDirError, DagSyntaxError."""
    whole = read_whole(submit_dir)
    above = (*above, submit_dir.dag_file.resolve())
    children = {}
    for sub in sub_workflows(submit_dir, whole):
        below = sub.open()
        if below is not None and below.dag_file.resolve() not in above:
            children[sub.node] = read_workflow(below, above)
    limit = rescue_limit(submit_dir, whole.dag.config)
    rescues, old = find_rescues(submit_dir, limit)
    log = _jobstate_log(submit_dir, whole)
    return Workflow(
        submit_dir=submit_dir,
        whole=whole,
        rescues=rescues,
        set_aside=old,
        log=log,
        history=_history(submit_dir, log),
        limit=limit,
        has_log=files.mode_of(submit_dir.nodes_log) is not None,
        has_lock=files.mode_of(submit_dir.dagman_lock) is not None,
        children=children,
    )


def _history(submit_dir: SubmitDir, log: bytes) -> History:
    """What the JOBSTATE_LOG tells; without one, how the DAGMan left the queue, as the schedd wrote it down."""
    history = parse_history(log)
    if history.started is None:
        job = dagman_log.parse(files.read_if_there(submit_dir.dagman_log) or b"")
        metrics = submit_dir.path / f"{submit_dir.dag}.metrics"
        if job is not None or files.mode_of(metrics) is not None:
            return History(exit_code=None if job is None else job.code, untold=True)
    return history


def rescue_names(submit_dir: SubmitDir, limit: int | None = None) -> dict[int, str]:
    """The rescue DAGs that DAGMan may take, by number: none above its `limit`.

    None: DAGMan's own limit, unless the DAG's configuration allows more.
    """
    there = numbered(submit_dir.rescue_base, files.names_in(submit_dir.path))
    if limit is None and there and max(there) > MAX_RESCUE_NUM:
        limit = rescue_limit(submit_dir, read_whole(submit_dir).dag.config)
    return {number: name for number, name in there.items() if limit is None or number <= limit}


def find_rescues(
    submit_dir: SubmitDir, limit: int | None = None
) -> tuple[tuple[NumberedRescue, ...], tuple[str, ...]]:
    """The rescue DAGs by number, and the names of those out of use: set aside, or above the `limit`."""
    rescues = rescue_names(submit_dir, limit)
    beginnings = (f"{submit_dir.rescue_base}.rescue", f"{submit_dir.dag}.lock.old")
    others = {*files.names_in(submit_dir.path)} - {*rescues.values()}
    old = sorted(name for name in others if name.startswith(beginnings))
    return tuple(_read(submit_dir.path / name, number) for number, name in rescues.items()), tuple(old)


def _read(path: Path, number: int) -> NumberedRescue:
    rescue = parse_rescue(files.read(path), str(path))
    made = int(path.stat().st_mtime) if rescue.created is None else rescue.created
    return NumberedRescue(number, path.name, rescue, made)


def wants_to_run(submit_dir: SubmitDir, ended: int) -> bool:
    """Whether the next run has something to do although the last one succeeded: a rescue DAG was made since."""
    rescues, _ = find_rescues(submit_dir)
    return bool(rescues) and rescues[-1].time >= ended


def nodes_of_the_next_run(submit_dir: SubmitDir, ended: int) -> tuple[str, ...]:
    """The nodes that a run from the rescue DAG runs which `bridle rescue` made since the last one ended; none if there
    is no such rescue DAG. Raises FileError, DagSyntaxError."""
    rescues, _ = find_rescues(submit_dir)
    if not rescues or not rescues[-1].ours or rescues[-1].time < ended:
        return ()
    done, whole = set(rescues[-1].rescue.done), read_whole(submit_dir)
    done |= {node.name for node in whole.nodes() if node.done}
    return tuple(name for name in node_names(whole) if name not in done)


def refuse_if_in_use(workflow: Workflow) -> None:
    """Raises RunningError while a DAGMan works on the DAG or one below it, or waits in the queue."""
    for each in workflow.in_all():
        submit_dir = each.submit_dir
        if liveness.dagman_lives(submit_dir):
            hint = "wait until it has ended, or `bridle remove`"
            raise RunningError(str(submit_dir.path), "DAGMan is running this workflow", hint)
        job = dagman_log.queued(files.read_if_there(submit_dir.dagman_log) or b"")
        if job is not None:
            what = f"DAGMan job {job} of this workflow is in the queue, perhaps held"
            lost = f"if it is in no queue any more, rename {submit_dir.dagman_log.name}"
            hint = f"see `bridle recover`, or `bridle remove`; {lost}"
            raise RunningError(str(submit_dir.path), what, hint)


def _jobstate_log(submit_dir: SubmitDir, whole: WholeDag) -> bytes:
    """DAGMan's own, or monitord's of a run that was not rewritten; of nodes that may fail, what DAGMan makes of it."""
    for path in (jobstate_log_of(submit_dir, whole.dag), submit_dir.path / "jobstate.log"):
        data = files.read_if_there(path)
        if data is not None:
            return _judged(data, submit_dir, whole)
    return b""


def _judged(log: bytes, submit_dir: SubmitDir, whole: WholeDag) -> bytes:
    tolerant = (part for part in whole.parts if part.dag.index.table(b"TOLERANCE"))
    works = (work for part in tolerant for work in part.works())
    told = {work.name: Tolerance(*work.tolerance[:2]) for work in works if work.tolerance}
    if not told and (
        b" JOB_FAILURE " not in log or not files.search(submit_dir.dagman_out, TOLERATES, LONGEST_SETTING)[0]
    ):
        return log
    failures = Failures()
    with suppress(FileNotFoundError), files.stream_of(submit_dir.dagman_out) as stream:
        failures.read(line.rstrip(b"\n") for line in stream)
    return judged_log(log, told, failures)
