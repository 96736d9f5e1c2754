"""One look at a run in its database: everything that is seen at that moment. Only reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from monitord_job.analysis.queries.newest_attempts import attempts_before
from monitord_job.analysis.queries.sub_workflows import current
from monitord_job.database.queries.attempts import FAILED_STATES, StoredAttempt, read_attempts, tells_services
from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import STATES, NodeStatus, node_status
from monitord_job.outcome.queue_holds import NO_HOLDS, QueueHolds
from monitord_job.statistics.queries.questions import Questions
from monitord_job.statistics.queries.workflows import ids, run_of
from monitord_job.text.display import one_line
from monitord_job.watch.moment import Estimate, Key, Moment, NodeNow, WorkflowNow
from monitord_job.watch.plan import MOST_JOBS, Plan, read_plan, when

SHOWN = 5
"""Jobs of a state that a screen names."""
_MOST = 500
"""Held or failed jobs that are told of one by one at one look; beyond that, counted."""
_PATIENCE = 5.0
"""Seconds between two estimates."""
_LATELY = 300.0
_TOTALS = "SELECT wf_id, count(*) FROM job WHERE wf_id IN (?*) GROUP BY wf_id"
_COUNTS = """
SELECT wf_id, state, {service}, count(*), max(last_time) FROM bridle_node n WHERE wf_id IN (?*) GROUP BY 1, 2, 3
"""
_NODES = """
SELECT n.wf_id, n.name, n.seq, n.state, n.last_time, n.executed, n.sched_id, n.host, {service}, j.job_id,
  (SELECT i.job_instance_id FROM job_instance i WHERE i.job_id = j.job_id AND i.job_submit_seq = n.seq)
FROM bridle_node n JOIN job j ON j.wf_id = n.wf_id AND j.exec_job_id = n.name WHERE n.wf_id IN (?*) AND """
_TROUBLE = _NODES + "n.state IN (?*) ORDER BY n.last_time DESC, n.wf_id, n.name LIMIT ?"
_CUT_OFF = _NODES + "n.state NOT IN (?*) ORDER BY n.last_time DESC, n.wf_id, n.name LIMIT ?"
_RUNNING = (
    _NODES + "n.executed IS NOT NULL AND n.state NOT IN (?*) AND j.type_desc NOT IN ('dax', 'dag') "
    "AND ({service} IS NULL OR NOT {service}) ORDER BY n.executed, n.wf_id, n.name LIMIT ?"
)
_OF_JOBS = _NODES + "n.sched_id IN (?*) ORDER BY n.last_time DESC, n.wf_id, n.name LIMIT ?"
_NEW = _NODES + "n.seq > ? ORDER BY n.seq LIMIT ?"
_IN_QUEUE_NOW = (NodeStatus.QUEUED, NodeStatus.RUNNING, NodeStatus.HELD)
"""What DAGMan counts for the limit of a category: from the submission of a job to its end."""
_IN_QUEUE = "SELECT name FROM bridle_node WHERE wf_id = ? AND state NOT IN (?*)"
_LAST_SEQ = "SELECT wf_id, max(seq) FROM bridle_node WHERE wf_id IN (?*) GROUP BY wf_id"
_DONE_SINCE = """
SELECT count(*) FROM bridle_node WHERE wf_id IN (?*) AND state IN (?*) AND last_time > ?
"""
_SCHED_IDS = "SELECT job_instance_id, sched_id FROM job_instance WHERE job_instance_id IN (?*)"
_SUCCESS = ["POST_SCRIPT_SUCCESS", "JOB_SUCCESS", "PRESKIP"]
_NOT_RUNNING = [state for state in STATES if node_status(state) is not NodeStatus.RUNNING]
_NOT_IN_QUEUE = [state for state in STATES if node_status(state) not in _IN_QUEUE_NOW]
_ENDED = [state for state in STATES if node_status(state, end=RunEnd.CUT_SHORT) is node_status(state)]
_SHORTEST = 30.0
"""Seconds of a run that tell of no rate yet."""
_NO_SERVICE = "CAST(NULL AS BOOLEAN)"


@dataclass(slots=True)
class Memory:
    """What a watcher need not ask again: the plan, the last estimate and when it was made."""

    causes: dict[tuple[Key, int], StoredAttempt] = field(default_factory=dict)
    """by attempt and when it came into its state"""
    plan: Plan | None = None
    estimate: Estimate | None = None
    estimated: float = 0.0
    last_seq: dict[int, int] = field(default_factory=dict)
    """by workflow: the newest attempt that was seen; none before the first look"""


def look(
    questions: Questions, run: WorkflowProgress, now: float, memory: Memory, held: QueueHolds = NO_HOLDS
) -> Moment:
    """The run, and all below it, as it is stored now; `run` is how far it is itself, `held` what is on hold in the
    queue. Raises MonitorError.
    """
    return _Look(questions, run, now, memory, held).moment()


class _Look:
    def __init__(
        self, questions: Questions, run: WorkflowProgress, now: float, memory: Memory, held: QueueHolds
    ) -> None:
        self._held = held
        self._ask, self._run, self._now, self._memory = questions, run, now, memory
        workflows, _ = run_of(questions, run.wf_uuid)
        self._root = workflows[0].wf_id
        kept, self._parents = current(questions, self._root, ids(workflows))
        self._workflows = [one for one in workflows if one.wf_id in set(kept)]
        self._ids = ids(self._workflows)
        self._ends = {one.wf_id: one.end for one in self._workflows}
        self._service = "n.service" if tells_services(questions.connection) else _NO_SERVICE
        self._stored = 0

    def moment(self) -> Moment:
        shown = self._with_counts()
        held, failed = self._trouble(["JOB_HELD"]), self._trouble(list(FAILED_STATES))
        held = [node for node in held if node.status is NodeStatus.HELD]  # not of a run that is over
        more = self._held_in_queue()
        held = sorted((*held, *(self._as_held(node) for node in more)), key=lambda node: -node.since)
        newest = sorted((*self._tried_again(), *failed, *self._cut_off()), key=lambda node: -node.since)
        return Moment(
            self._now,
            replace(self._run, held_below=self._run.held_below + sum(not self._is_own(one) for one in more)),
            _with_held(shown, more),
            tuple(node for node in self._running() if node not in more),
            tuple(held),
            tuple(newest),
            in_queue=self._in_queue(),
            estimate=self._estimate(),
            rate=self._rate(),
            stored=self._stored or None,
        )

    def _with_counts(self) -> tuple[WorkflowNow, ...]:
        counts: defaultdict[int, Counter[NodeStatus]] = defaultdict(Counter)
        for wf_id, state, service, number, last in self._ask.rows(
            _COUNTS.format(service=self._service), self._ids
        ):
            counts[wf_id][node_status(state, service=bool(service), end=self._ends[wf_id])] += number
            self._stored = max(self._stored, int(last or 0))
        totals = {int(wf_id): int(number) for wf_id, number in self._ask.rows(_TOTALS, self._ids)}
        for wf_id in self._ids:
            counts[wf_id][NodeStatus.UNREADY] += max(totals.get(wf_id, 0) - counts[wf_id].total(), 0)
        counts[self._root] = self._run.count()  # with what rescue DAGs say
        return tuple(
            WorkflowNow(
                one.wf_id,
                self._path(one.wf_id),
                one.label or one.wf_uuid,
                totals.get(one.wf_id, 0),
                counts[one.wf_id],
                one.ended,
            )
            for one in self._workflows
        )

    def _path(self, wf_id: int) -> str:
        names: list[str] = []
        seen: set[int] = set()
        while wf_id != self._root and wf_id in self._parents and wf_id not in seen:
            seen.add(wf_id)
            names.append(one_line(self._parents[wf_id].job, 100))
            wf_id = self._parents[wf_id].wf_id
        return "/".join(reversed(names))

    def _trouble(self, states: list[str]) -> list[NodeNow]:
        """The newest of those that failed or are held, each with its cause."""
        rows = list(self._ask.rows(_TROUBLE.format(service=self._service), self._ids, states, _MOST))
        return self._nodes([row for row in rows if not (row[8] and row[3] == "JOB_ABORTED")])

    def _cut_off(self) -> list[NodeNow]:
        """The newest of those that had not ended when their DAGMan left for good."""
        cut_short = [wf_id for wf_id, end in self._ends.items() if end is RunEnd.CUT_SHORT]
        if not cut_short:
            return []
        rows = list(self._ask.rows(_CUT_OFF.format(service=self._service), cut_short, _ENDED, _MOST))
        return self._nodes([row for row in rows if not row[8]])

    def _held_in_queue(self) -> list[NodeNow]:
        """Of those that are stored as queued or running, what is on hold: no log tells of some holds."""
        jobs = [f"{cluster}.0" for cluster in self._held.reasons]
        text = _OF_JOBS.format(service=self._service)
        nodes = [self._node(row) for row in self._ask.rows(text, self._ids, jobs, _MOST)] if jobs else []
        return [node for node in nodes if self._held.status(node.status, node.job) is not node.status]

    def _as_held(self, node: NodeNow) -> NodeNow:
        cause = self._held.cause(NodeStatus.HELD, node.job, node.cause)
        return replace(node, status=NodeStatus.HELD, cause=cause)

    def _is_own(self, node: NodeNow) -> bool:
        """Whether it is a node of the run itself."""
        return node.key[0] == self._root

    def _running(self) -> tuple[NodeNow, ...]:
        text = _RUNNING.format(service=self._service)
        nodes = (self._node(row) for row in self._ask.rows(text, self._ids, _NOT_RUNNING, SHOWN))
        return tuple(node for node in nodes if node.status is NodeStatus.RUNNING)

    def _tried_again(self) -> list[NodeNow]:
        """Attempts that failed before one which began since the last look."""
        nodes: list[NodeNow] = []
        for wf_id, last in list(self._ask.rows(_LAST_SEQ, self._ids)):
            before = self._memory.last_seq.get(wf_id)
            self._memory.last_seq[wf_id] = last
            if before is None or last == before:
                continue
            rows = {
                row[9]: row
                for row in self._ask.rows(_NEW.format(service=self._service), [wf_id], before, _MOST)
            }
            former = attempts_before(self._ask, list(rows))
            causes = read_attempts(self._ask.connection, list(former.values()))
            jobs = dict(self._ask.rows(_SCHED_IDS, list(former.values())))
            for job_id, instance in former.items():
                attempt, node = causes.get(instance), self._node(rows[job_id])
                if attempt is None or attempt.cause is None:
                    continue  # it ran again though it had not failed: a rescue DAG said so
                failed = replace(node, key=(*node.key[:2], instance), status=NodeStatus.FAILED, again=True)
                job, output = str(jobs.get(instance) or ""), attempt.output or ""
                nodes.append(replace(failed, job=job, host="", cause=attempt.cause, output=output))
        return nodes

    def _nodes(self, rows: Sequence[Any]) -> list[NodeNow]:
        """With their causes, which are read once for each attempt."""
        nodes = [(self._node(row), row[10]) for row in rows]
        kept = self._memory.causes
        new = {instance: node for node, instance in nodes if instance and (node.key, node.since) not in kept}
        for instance, attempt in read_attempts(self._ask.connection, list(new)).items():
            kept[new[instance].key, new[instance].since] = attempt
        told = []
        for node, _ in nodes:
            known = kept.get((node.key, node.since))
            told.append(
                node if known is None else replace(node, cause=known.cause, output=known.output or "")
            )
        return told

    def _node(self, row: Any) -> NodeNow:
        wf_id, name, seq, state, last_time, executed, job, host, service = row[:9]
        status = node_status(state, service=bool(service), end=self._ends[wf_id])
        path = self._path(wf_id)
        shown = one_line(name, 100)
        return NodeNow(
            (wf_id, name, row[10] or -seq),
            f"{path}/{shown}" if path else shown,
            status,
            int((executed if status is NodeStatus.RUNNING else last_time) or 0),
            f"{job or ''}",
            one_line(host or "", 60),
        )

    def _in_queue(self) -> tuple[str, ...]:
        return tuple(str(name) for (name,) in self._ask.rows(_IN_QUEUE, self._root, _NOT_IN_QUEUE))

    def _rate(self) -> float:
        """By the events' own clock: what is stored late is no lull."""
        begun = self._run.started or 0
        seconds = min(_LATELY, self._stored - begun)
        if seconds < _SHORTEST:
            return 0.0
        done = next(iter(self._ask.rows(_DONE_SINCE, self._ids, _SUCCESS, self._stored - seconds)))[0]
        return 60.0 * float(done) / seconds

    def _estimate(self) -> Estimate | None:
        memory = self._memory
        if self._run.ended is not None or self._run.total > MOST_JOBS:
            return None
        if self._now - memory.estimated >= _PATIENCE:
            memory.estimated = self._now
            if (
                memory.plan is None
                or memory.plan.wf_id != self._root
                or len(memory.plan.kinds) != self._run.total
            ):
                memory.plan = read_plan(self._ask, self._root)
            memory.estimate = when(self._ask, memory.plan, self._now, self._service)
        return memory.estimate


def _with_held(shown: Sequence[WorkflowNow], nodes: Sequence[NodeNow]) -> tuple[WorkflowNow, ...]:
    """The workflows, with these nodes counted as held, and not as what they are stored as."""
    counts = {one.wf_id: Counter(dict(one.counts)) for one in shown}
    for node in nodes:
        counts[node.key[0]].update({node.status: -1, NodeStatus.HELD: 1})
    return tuple(replace(one, counts=counts[one.wf_id]) for one in shown)
