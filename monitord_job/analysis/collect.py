"""From a database to the failures of a run: which they are, and the groups that they are told in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitord_job.analysis.model.analysis import Analysis
from monitord_job.analysis.model.failure import Failure, Grouping, Groups
from monitord_job.analysis.model.last_words import MOST_LINES
from monitord_job.analysis.model.suspects import leading_host, suspect
from monitord_job.analysis.queries.consequences import not_started
from monitord_job.analysis.queries.failures import failures
from monitord_job.analysis.queries.hosts import attempts_by_host
from monitord_job.analysis.queries.newest_attempts import (
    Newest,
    attempts_before,
    job_counts,
    not_begun,
    unsuccessful,
)
from monitord_job.analysis.queries.sub_workflows import Parent, current
from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.outcome.cause import CauseKind
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.queue_holds import NO_HOLDS, QueueHolds
from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.queries.incomplete import what_is_lacking
from monitord_job.statistics.queries.questions import Questions
from monitord_job.statistics.queries.workflows import ids, last_event, run_of

_TOLD = (NodeStatus.FAILED, NodeStatus.HELD)
_NOT_AT_WORK = (*_TOLD, NodeStatus.SUCCEEDED, NodeStatus.UNREADY)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job that failed or is held, or (any other status) that failed and is tried again."""

    status: NodeStatus
    failure: Failure
    through: bool = False
    """a node that failed because something inside its sub-workflow did"""


@dataclass(slots=True)
class Reading:
    """Reads the jobs of a run that did not succeed, and counts all of them as it goes."""

    questions: Questions
    workflows: Sequence[Workflow]
    parents: Mapping[int, Parent]
    counts: dict[int, Counter[NodeStatus]] = field(default_factory=dict)
    """by wf_id; whole when `troubles` has ended"""
    held: QueueHolds = NO_HOLDS
    """what is on hold in the queue: no log tells of some"""
    again: frozenset[str] = frozenset()
    """nodes of the run itself that ended and are to run again, as its rescue DAG says"""
    failed_now: int = 0
    """nodes of the run itself that failed since its last start and count for how it ends"""

    @property
    def wf_ids(self) -> list[int]:
        return ids(self.workflows)

    def troubles(
        self, since: float = 0, lines: int = MOST_LINES, most: int | None = None
    ) -> Iterator[Trouble]:
        """Each of them, at most so many; what is beyond is counted all the same.

        `since`: when the last run of it began.
        """
        ends = {one.wf_id: one.end for one in self.workflows}
        labels = {one.wf_id: one.label or one.wf_uuid for one in self.workflows[1:]}
        self.counts = {wf_id: Counter() for wf_id in self.wf_ids}
        told, ended_well = 0, len(self.again)
        for stored in unsuccessful(self.questions, ends):
            page = [replace(row, status=self._status(row)) for row in stored]
            ended_well -= sum(self._runs_again(row) for row in page)
            self._count(page, since)
            for one in self._of_page(page, labels, lines) if most is None or told < most else ():
                told += 1
                yield one
        for wf_id, (jobs, unready) in job_counts(self.questions, self.wf_ids).items():
            counts = self.counts[wf_id]
            counts[NodeStatus.UNREADY] += unready
            counts[NodeStatus.SUCCEEDED] += jobs - counts.total()
        self.counts[self.wf_ids[0]].update(
            {NodeStatus.SUCCEEDED: -ended_well, NodeStatus.UNREADY: ended_well}
        )

    def _status(self, row: Newest) -> NodeStatus:
        if self._runs_again(row):
            return NodeStatus.UNREADY
        return self.held.status(row.status, row.sched_id)

    def _runs_again(self, row: Newest) -> bool:
        return row.wf_id == self.wf_ids[0] and row.job in self.again

    def _count(self, page: Sequence[Newest], since: float) -> None:
        root = self.workflows[0].wf_id
        for row in page:
            self.counts[row.wf_id][row.status] += 1
            ours = row.wf_id == root and row.status is NodeStatus.FAILED and not row.service
            self.failed_now += ours and row.told >= since

    def _of_page(self, page: Sequence[Newest], labels: Mapping[int, str], lines: int) -> Iterator[Trouble]:
        told = [row for row in page if row.status in _TOLD]
        again = [row for row in page if row.status not in _NOT_AT_WORK and row.attempts > 1]
        before = attempts_before(self.questions, [row.job_id for row in again])
        again = [replace(row, instance=before[row.job_id]) for row in again if row.job_id in before]
        rows = [*told, *again]
        for row, stored in zip(rows, failures(self.questions, rows, labels, lines), strict=True):
            failure = self._as_queued(row, stored)
            cause = failure.cause
            if row.status not in _TOLD and cause is None:
                continue  # it ran again though it had not failed: a rescue DAG said so
            inside = cause is not None and cause.kind is CauseKind.SUB_WORKFLOW and cause.inner is not None
            yield Trouble(row.status, failure, inside)

    def _as_queued(self, row: Newest, failure: Failure) -> Failure:
        return replace(failure, cause=self.held.cause(row.status, row.sched_id, failure.cause))


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked into: workflows below, also those of attempts that were planned anew since."""

    below: bool = True
    former: bool = False
    done: frozenset[str] = frozenset()
    """nodes of the run itself that the DAG says are done: nothing was ever to be told of them"""
    held: QueueHolds = NO_HOLDS
    """as `Reading.held`"""
    again: frozenset[str] = frozenset()
    """as `Reading.again`"""


def reading(questions: Questions, wf_uuid: str, scope: Scope = Scope()) -> Reading:
    """The workflows of a run that count. Raises MonitorError if it is not in the database."""
    workflows, _ = run_of(questions, wf_uuid)
    counted, parents = current(questions, workflows[0].wf_id, ids(workflows))
    wanted = set(ids(workflows) if scope.former else counted) if scope.below else {workflows[0].wf_id}
    kept = [one for one in workflows if one.wf_id in wanted]
    return Reading(questions, kept, parents, held=scope.held, again=scope.again)


def analyse(questions: Questions, wf_uuid: str, scope: Scope = Scope(), lines: int = MOST_LINES) -> Analysis:
    """All that failed in a run, or is held, and why. Raises MonitorError if it is not in the database."""
    stored = reading(questions, wf_uuid, scope)
    start = _Start.of(questions, stored.workflows[0].wf_id)
    failed, held, failing = Grouping(), Grouping(), Grouping()
    through = 0
    for one in stored.troubles(start.last, lines):
        if one.through and scope.below:
            through += 1
        elif one.status in _TOLD:
            (failed if one.status is NodeStatus.FAILED else held).add(one.failure)
        else:
            failing.add(one.failure)
    groups = _with_consequences(stored, failed.largest(most=None))
    counts = stored.counts[stored.workflows[0].wf_id]
    done = not_begun(questions, stored.workflows[0].wf_id, scope.done)
    counts.update({NodeStatus.SUCCEEDED: done, NodeStatus.UNREADY: -done})
    run = _progress(stored, start)
    until = None if run.ended is not None else last_event(questions, stored.wf_ids)
    return Analysis(
        run,
        tuple(stored.workflows),
        sum((stored.counts[one.wf_id] for one in stored.workflows[1:]), Counter()),
        groups,
        held.largest(most=None),
        failing.largest(most=None),
        through,
        what_is_lacking(questions, stored.workflows, until) if run.started is not None else (),
    )


_MOST_FOLLOWED = 50
"""Groups whose consequences are looked for: the largest."""


def _with_consequences(stored: Reading, groups: Groups) -> Groups:
    suspected = any(leading_host(group.hosts) for group in groups.groups)
    spread = attempts_by_host(stored.questions, stored.wf_ids) if suspected else {}
    told = []
    for at, group in enumerate(groups.groups):
        after = (
            not_started(stored.questions, group, stored.parents) if at < _MOST_FOLLOWED else group.not_started
        )
        told.append(replace(group, suspect=suspect(group.hosts, spread), not_started=after))
    return replace(groups, groups=tuple(told))


@dataclass(frozen=True, slots=True)
class _Start:
    """The starts and the end of a workflow, as they are stored."""

    first: int | None = None
    last: float = 0
    ended: int | None = None
    status: int | None = None
    reason: str | None = None
    restarts: int = 0

    @classmethod
    def of(cls, questions: Questions, wf_id: int) -> _Start:
        rows = list(questions.rows(_STATES, wf_id))
        if not rows:
            return cls()
        starts = [at for word, at, *_ in rows if word == "WORKFLOW_STARTED"]
        word, at, restarts, status, reason = rows[-1]
        last = max(starts, default=0)
        if word != "WORKFLOW_TERMINATED":
            return cls(int(rows[0][1]), last, restarts=restarts)
        return cls(int(rows[0][1]), last, int(at), status, reason, restarts)


# Within one second the word decides: an end comes after its start, a restart counts one higher.
_STATES = """
SELECT state, CAST("timestamp" AS DOUBLE PRECISION), restart_count, status, reason
FROM workflowstate WHERE wf_id = ? ORDER BY "timestamp", restart_count, state
"""


def _progress(stored: Reading, start: _Start) -> WorkflowProgress:
    root = stored.workflows[0]
    counts = stored.counts[root.wf_id]
    return WorkflowProgress(
        wf_uuid=root.wf_uuid,
        label=root.label,
        started=start.first,
        ended=start.ended,
        status=start.status,
        restarts=start.restarts,
        total=counts.total(),
        counts=counts,
        reason=start.reason,
        failed=stored.failed_now,
        held_below=sum(stored.counts[one.wf_id][NodeStatus.HELD] for one in stored.workflows[1:]),
    )
