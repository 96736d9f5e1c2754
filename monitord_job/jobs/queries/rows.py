"""All attempts of workflows, as they are asked for, in any Stampede database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from monitord_job.database.queries.attempts import LAST_STATE, tells_services
from monitord_job.jobs.model.attempt_row import AttemptRow, Column
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus, attempt_status, goes_on
from monitord_job.outcome.queue_holds import NO_HOLDS, QueueHolds
from monitord_job.stampede.wait_status import exit_code
from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.queries.questions import Questions


def _time(function: str, states: str) -> str:
    """A look into an index for each state is faster than one pass over all of them."""
    return (
        f'CAST((SELECT {function}(s."timestamp") FROM jobstate s '
        f"WHERE s.job_instance_id = i.job_instance_id AND s.state {states}) AS DOUBLE PRECISION)"
    )


# Of a job that failed its own, not that of the POST script which has found it out.
_EXIT_CODE = """CASE WHEN i.exitcode <> 0 THEN COALESCE(
    (SELECT n.exitcode FROM invocation n WHERE n.job_instance_id = i.job_instance_id AND n.task_submit_seq > 0
     AND n.exitcode <> 0 ORDER BY n.task_submit_seq LIMIT 1), i.exitcode) ELSE i.exitcode END"""
_SERVICE = "(SELECT n.service FROM bridle_node n WHERE n.wf_id = j.wf_id AND n.name = j.exec_job_id)"
_ROWS = f"""
SELECT j.wf_id, j.exec_job_id, j.type_desc,
       (SELECT count(*) FROM job_instance p WHERE p.job_id = j.job_id AND p.job_submit_seq <= i.job_submit_seq),
       CASE WHEN EXISTS (SELECT 1 FROM job_instance l WHERE l.job_id = j.job_id AND l.job_submit_seq > i.job_submit_seq)
            THEN 0 ELSE 1 END,
       i.job_instance_id, i.exitcode, {_EXIT_CODE}, i.site, h.hostname,
       {LAST_STATE},
       {_time("min", "= 'SUBMIT'")} AS submitted, {_time("min", "= 'EXECUTE'")} AS executed,
       {_time("max", "IN ('JOB_TERMINATED', 'JOB_ABORTED')")} AS ended,
       CAST(i.local_duration AS DOUBLE PRECISION) AS ran,
       COALESCE((SELECT min(n.transformation) FROM invocation n
                 WHERE n.job_instance_id = i.job_instance_id AND n.task_submit_seq = 1), t.transformation),
       i.sched_id, {{service}}
FROM job j LEFT JOIN job_instance i ON i.job_id = j.job_id LEFT JOIN host h ON h.host_id = i.host_id
LEFT JOIN (SELECT k.job_id AS job_id, min(k.transformation) AS transformation FROM task k
           WHERE k.wf_id IN (?*) GROUP BY k.job_id) t ON t.job_id = j.job_id
WHERE j.wf_id IN (?*) {{which}}
ORDER BY {{order}}
"""
# What is NULL comes last in each direction, and in each database.
_ORDERS = {
    Column.SUBMITTED: "i.job_submit_seq",
    Column.NAME: "j.exec_job_id",
    Column.QUEUE: _time("min", "= 'EXECUTE'") + " - " + _time("min", "= 'SUBMIT'"),
    Column.RUNTIME: "i.local_duration",
    Column.EXIT_CODE: _EXIT_CODE,
    Column.HOST: "h.hostname",
}


def attempt_rows(
    questions: Questions,
    workflows: Collection[Workflow],
    now: float,
    categories: Mapping[str, str],
    sort: Column = Column.SUBMITTED,
    *,
    reverse: bool = False,
    held: QueueHolds = NO_HOLDS,
    done: Collection[str] = (),
    again: Collection[str] = (),
) -> Iterator[AttemptRow]:
    """One for each attempt, and for each job that has none. `categories`: of the nodes of the first workflow, of which
    `done` are done without any, and `again` are to begin anew; `held`: what is on hold in the queue.
    """
    wf_ids = [one.wf_id for one in workflows]
    known = {one.wf_id: one for one in workflows}
    by = _ORDERS[sort]
    order = f"CASE WHEN {by} IS NULL THEN 1 ELSE 0 END, {by} {'DESC' if reverse else 'ASC'}, j.job_id, i.job_submit_seq"
    for wf_id, *row in questions.rows(_text(questions, order), wf_ids, wf_ids):
        workflow = known[wf_id]
        shown = _row(workflow, now, categories if wf_id == wf_ids[0] else {}, held, *row)
        yield as_dagman_counts(shown, again, done) if wf_id == wf_ids[0] else shown


def as_dagman_counts(row: AttemptRow, again: Collection[str], done: Collection[str]) -> AttemptRow:
    """An attempt of the run itself, of whose nodes `done` are done without any, and `again` are to begin anew."""
    if row.newest and row.job in again and goes_on(row.status):
        # The DAGMan of its attempt has left, and the next one has not begun another.
        return replace(row, status=NodeStatus.FAILED)
    is_done = row.status is NodeStatus.UNREADY and row.job in done
    return replace(row, status=NodeStatus.SUCCEEDED) if is_done else row


def _text(questions: Questions, order: str, which: str = "") -> str:
    service = _SERVICE if tells_services(questions.connection) else "NULL"
    return _ROWS.format(service=service, order=order, which=which)


def rows_of_job(
    questions: Questions, workflow: Workflow, job_id: int, now: float, held: QueueHolds = NO_HOLDS
) -> Iterator[AttemptRow]:
    """The attempts of one job, the first one first."""
    text = _text(questions, "i.job_submit_seq", "AND j.job_id = ?")
    for _, *row in questions.rows(text, [workflow.wf_id], [workflow.wf_id], job_id):
        yield _row(workflow, now, {}, held, *row)


def _row(
    workflow: Workflow, now: float, categories: Mapping[str, str], held: QueueHolds, job: str, kind: str, number: int,
    newest: int, instance: int | None, raw: int | None, own: int | None, site: str | None, host: str | None,
    state: str | None, submitted: float | None, executed: float | None, ended: float | None, ran: float | None,
    transformation: str | None, sched_id: str | None, service: object,
) -> AttemptRow:  # fmt: skip
    status = NodeStatus.UNREADY
    if instance is not None:
        end = workflow.end if newest else RunEnd.CUT_SHORT  # another attempt came after it
        status = attempt_status(state, raw, service=bool(service), end=end)
        status = held.status(status, sched_id) if newest else status
    runs = status is NodeStatus.RUNNING and executed is not None
    return AttemptRow(
        workflow.wf_uuid,
        workflow.label or workflow.wf_uuid,
        job,
        kind,
        int(number),
        bool(newest),
        status,
        None if own is None or own < 0 else exit_code(own),  # of a job that was removed nothing has ended
        transformation or "",
        site or "",
        "" if host in (None, "unknown") else str(host),
        submitted,
        executed,
        ended,
        None if submitted is None or executed is None else max(0.0, executed - submitted),
        max(0.0, now - executed) if runs and executed is not None else ran,
        categories.get(job, ""),
    )
