"""One job of a run with all its attempts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from condor_templates.did_you_mean import did_you_mean
from monitord_job.analysis.queries.sub_workflows import Parent, current
from monitord_job.database.queries.attempts import read_attempts
from monitord_job.errors import MonitorError
from monitord_job.jobs.model.attempt_row import AttemptRow
from monitord_job.jobs.model.one_job import Attempt, Job, State, Task
from monitord_job.jobs.queries.rows import as_dagman_counts, rows_of_job
from monitord_job.outcome.attempt import AttemptFacts, cause_of
from monitord_job.outcome.node_status import NodeStatus, goes_on
from monitord_job.outcome.queue_holds import NO_HOLDS, QueueHolds
from monitord_job.stampede.output_text import unquote
from monitord_job.stampede.wait_status import exit_code
from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.queries.questions import Questions

_JOBS = """
SELECT j.job_id, j.wf_id, j.type_desc, j.submit_file, j.executable, j.argv FROM job j
WHERE j.exec_job_id = ? AND j.wf_id IN (?*) ORDER BY j.wf_id
"""
_NAMES = "SELECT j.exec_job_id FROM job j WHERE j.wf_id IN (?*) LIMIT 5000"
_INSTANCES = """
SELECT i.job_instance_id, i.sched_id, i.work_dir, i.stdout_file, i.stderr_file, i.stdout_text, i.stderr_text
FROM job_instance i WHERE i.job_id = ? ORDER BY i.job_submit_seq
"""
_STATES = """
SELECT s.state, CAST(s."timestamp" AS DOUBLE PRECISION), s.reason FROM jobstate s
WHERE s.job_instance_id = ? ORDER BY s.jobstate_submit_seq
"""
_TASKS = """
SELECT n.task_submit_seq, n.transformation, n.executable, n.argv, n.exitcode,
       CAST(n.remote_duration AS DOUBLE PRECISION), n.maxrss, CAST(n.avg_cpu AS DOUBLE PRECISION)
FROM invocation n WHERE n.job_instance_id = ? ORDER BY n.task_submit_seq LIMIT 1000
"""

AgainAndDone = tuple[frozenset[str], frozenset[str]]
"""Of the nodes of the run itself: those that are to begin anew, and those that are done without any attempt."""


def find_job(
    questions: Questions, workflows: Sequence[Workflow], node: str, now: float, held: QueueHolds = NO_HOLDS,
    again_and_done: Callable[[], AgainAndDone] | None = None,
) -> Job:  # fmt: skip
    """A job by its name; `below/NAME` names one of the sub-workflow that node `below` runs. `held`: what is on hold in
    the queue. `again_and_done` is asked only where it matters.

    Raises MonitorError if there is none, or more than one.
    """
    wf_ids = [one.wf_id for one in workflows]
    counted, parents = current(questions, wf_ids[0], wf_ids)
    path = node.split("/")
    candidates = [
        row
        for row in questions.rows(_JOBS, path[-1], counted)
        if _is_below(int(row[1]), path[:-1], parents, workflows)
    ]
    if not candidates and len(path) == 1:
        candidates = list(questions.rows(_JOBS, node, wf_ids))
    if len(candidates) != 1:
        raise _not_one(questions, node, wf_ids, [_path(int(row[1]), parents, path[-1]) for row in candidates])
    job_id, wf_id, kind, submit_file, executable, argv = candidates[0]
    workflow = next(one for one in workflows if one.wf_id == wf_id)
    command = " ".join(word for word in (executable, argv) if word)
    rows = list(rows_of_job(questions, workflow, job_id, now, held))
    attempts = tuple(_attempts(questions, job_id, rows, held))
    asks = goes_on(rows[-1].status) or rows[-1].status is NodeStatus.UNREADY
    if again_and_done is not None and asks and wf_id == wf_ids[0]:
        again, done = again_and_done()
        rows = [as_dagman_counts(row, again, done) for row in rows]
        attempts = tuple(map(_as_counted, attempts, rows))
    status = rows[-1].status
    return Job(path[-1], workflow.label, int(wf_id), kind, submit_file or "", command, attempts, status)


def _as_counted(attempt: Attempt, row: AttemptRow) -> Attempt:
    """The attempt as this row has it; of one that its DAGMan has left, why it failed."""
    if row.status is attempt.row.status or row.status is not NodeStatus.FAILED:
        return replace(attempt, row=row)
    states = tuple((one.word, one.reason) for one in attempt.states)
    return replace(attempt, row=row, cause=cause_of(AttemptFacts(states, cut_short=True)))


def _is_below(
    wf_id: int, path: Sequence[str], parents: Mapping[int, Parent], workflows: Sequence[Workflow]
) -> bool:
    labels = {one.wf_id: one.label for one in workflows}
    for name in reversed(path):
        node = parents.get(wf_id)
        if node is None or name not in (node.job, labels[wf_id]):
            return False
        wf_id = node.wf_id
    return True


def _path(wf_id: int, parents: Mapping[int, Parent], name: str) -> str:
    names = [name]
    while (node := parents.get(wf_id)) is not None and len(names) < 100:
        names.insert(0, node.job)
        wf_id = node.wf_id
    return "/".join(names)


def _not_one(questions: Questions, node: str, wf_ids: list[int], paths: Sequence[str]) -> MonitorError:
    if paths:
        return MonitorError(node, "several jobs have this name", f"name one of {', '.join(paths[:10])}")
    known = [str(name) for (name,) in questions.rows(_NAMES, wf_ids)]
    hint = did_you_mean(node.rpartition("/")[2], known) or "`bridle jobs` lists all"
    return MonitorError(node, "the run has no such job", hint)


def _attempts(
    questions: Questions, job_id: int, rows: Sequence[AttemptRow], held: QueueHolds
) -> list[Attempt]:
    instances = list(questions.rows(_INSTANCES, job_id))
    causes = read_attempts(questions.connection, [row[0] for row in instances])
    attempts = []
    for instance, row in zip(instances, rows, strict=False):
        number, sched_id, directory, stdout_file, stderr_file, stdout, stderr = instance
        states = tuple(State(word, at, reason or "") for word, at, reason in questions.rows(_STATES, number))
        tasks = tuple(_task(*task) for task in questions.rows(_TASKS, number))
        cause = causes[number].cause if number in causes else None
        attempts.append(
            Attempt(
                row,
                sched_id or "",
                directory or "",
                stdout_file or "",
                stderr_file or "",
                unquote(stdout or ""),
                unquote(stderr or ""),
                held.cause(row.status, sched_id, cause),
                states,
                tasks,
            )
        )
    return attempts


def _task(
    number: int, transformation: str | None, executable: str | None, argv: str | None, raw: int | None,
    seconds: float | None, memory: int | None, processors: float | None,
) -> Task:  # fmt: skip
    command = " ".join(word.strip() for word in (executable, argv) if word)
    code = None if raw is None or raw < 0 else exit_code(raw)
    return Task(int(number), transformation or "", command, code, seconds, memory, processors)
