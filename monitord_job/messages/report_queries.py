"""Reads what a message tells of a run from its database: counts and bounded pages, also of runs with 100,000 jobs.

What cannot be read is said in the report: the message is sent all the same.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, and_, case, func, select

from condor_templates.errors import BridleError
from dag_rewriter.directory.locate import as_submitted, open_target
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.analysis.collect import reading as reading_failures
from monitord_job.analysis.model.failure import Grouping
from monitord_job.analysis.model.last_words import last_words
from monitord_job.database import bridle_tables
from monitord_job.database import schema as s
from monitord_job.database.queries.attempts import service_column
from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.database.queries.runs import progress
from monitord_job.database.reading import open_database, reading
from monitord_job.database.url import Database, database_of
from monitord_job.diagnosis.legibility import unreadable_run
from monitord_job.messages.event_context import EventContext
from monitord_job.messages.report import JobFacts, Report, Run
from monitord_job.monitor.unplanned_identity import in_its_run
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus, node_status
from monitord_job.readers.other_users import seen_database
from monitord_job.readers.run_outcome import state_of
from monitord_job.statistics.queries.questions import Questions
from monitord_job.text.display import one_line

_TAIL = 3000
"""Characters of each text that are looked at."""
MOST_LOOKED_AT = 5000
_TOLD = (NodeStatus.FAILED, NodeStatus.HELD)


def read_report(about: EventContext, run: Path, now: int, url: str | None = None) -> Report:
    """What the database of a run says of an event. Only reads; a monitor may be at work."""
    try:
        submit_dir = in_its_run(as_submitted(open_target(run)))
        owner = other_owner(submit_dir.path)
        database = seen_database(submit_dir, owner, url) if owner else database_of(submit_dir, url)
        return report_of(about, submit_dir, database, now)
    except BridleError as error:
        return Report(about, now, trouble=one_line(str(error), 500))


def report_of(about: EventContext, submit_dir: SubmitDir, database: Database, now: int) -> Report:
    """What that database says of an event of the run. Raises MonitorError."""
    about = replace(about, wf_uuid=about.wf_uuid or submit_dir.wf_uuid or "")
    engine = open_database(database)
    try:
        run = read_run(engine, about.wf_uuid)
        if run.started is None and (unread := unreadable_run(submit_dir)):
            return Report(about, now, trouble=one_line(unread, 500))
        job = read_job(engine, about) if about.job else None
        places = submit_dir.places
        again = f"cd {shlex.quote(str(submit_dir.start))} && {places.again}" if places.again else ""
        return Report(about, now, run, job, again=again)
    finally:
        engine.dispose()


def read_run(engine: Engine, wf_uuid: str) -> Run:
    """How far a workflow is and what failed in it. Raises MonitorError."""
    run_progress = progress(engine, wf_uuid)
    with reading(engine) as connection:
        workflow = connection.execute(
            select(s.WORKFLOW.c.wf_id, s.WORKFLOW.c.submit_hostname).where(s.WORKFLOW.c.wf_uuid == wf_uuid)
        ).one()
        host = one_line(workflow.submit_hostname or "")
        types = _types(connection, workflow.wf_id, run_progress.end)
        return _with_troubles(connection, replace(_run(run_progress), host=host, types=types), wf_uuid)


def _run(run_progress: WorkflowProgress) -> Run:
    return Run(
        label=one_line(run_progress.label or ""),
        state=state_of(run_progress).value,
        started=run_progress.started,
        ended=run_progress.ended,
        restarts=run_progress.restarts,
        done=run_progress.count()[NodeStatus.SUCCEEDED],
        total=run_progress.total,
    )


def _with_troubles(connection: Connection, run: Run, wf_uuid: str) -> Run:
    """With what failed and what is held, in the workflow and in all below it, as `bridle analyzer` has it."""
    failures = reading_failures(Questions(connection, str(connection.engine.url)), wf_uuid)
    root = failures.workflows[0].wf_id
    groupings = {(status, here): Grouping() for status in _TOLD for here in (True, False)}
    through = 0
    for one in failures.troubles(most=MOST_LOOKED_AT):
        here = one.failure.wf_id == root
        if one.through and not here:
            through += 1  # what failed inside is told
        elif one.status in _TOLD:
            groupings[one.status, here].add(one.failure)
    counts = {
        (status, here): sum(
            failures.counts[wf_id][status] for wf_id in failures.wf_ids if (wf_id == root) is here
        )
        for status, here in groupings
    }
    counts[NodeStatus.FAILED, False] -= through
    groups = {key: grouping.largest(counts[key]) for key, grouping in groupings.items()}
    return replace(
        run,
        failed=groups[NodeStatus.FAILED, True],
        held=groups[NodeStatus.HELD, True],
        failed_below=groups[NodeStatus.FAILED, False],
        held_below=groups[NodeStatus.HELD, False],
    )


def _types(connection: Connection, wf_id: int, end: RunEnd) -> dict[str, dict[str, int]]:
    job, node = s.JOB.c, bridle_tables.BRIDLE_NODE.c
    service = service_column(connection).label("service")
    statement = (
        select(job.type_desc, node.state, service, func.count())
        .select_from(s.JOB)
        .outerjoin(bridle_tables.BRIDLE_NODE, and_(node.wf_id == job.wf_id, node.name == job.exec_job_id))
        .where(job.wf_id == wf_id)
        .group_by(job.type_desc, node.state, service)
    )
    types: dict[str, dict[str, int]] = {}
    for kind, state, is_service, count in connection.execute(statement).all():
        status = node_status(state or "", service=bool(is_service), end=end)
        counts = types.setdefault(kind, {})
        counts[status.value] = counts.get(status.value, 0) + count
    return {kind: types[kind] for kind in sorted(types)}


def _tail(column: Column[Any]) -> ColumnElement[str]:
    """The end of a text. Not substr with a negative number, which PostgreSQL understands otherwise than SQLite."""
    start = func.length(column) - _TAIL + 1
    return case((start > 1, func.substr(column, start)), else_=column)


def read_job(engine: Engine, about: EventContext) -> JobFacts | None:
    """The attempt that a message is about, None if the database does not have it. Raises MonitorError."""
    job, instance, task = s.JOB.c, s.JOB_INSTANCE.c, s.INVOCATION.c
    statement = (
        select(
            job.type_desc,
            instance.job_instance_id,
            instance.site,
            instance.local_duration,
            _tail(instance.stdout_text).label("stdout_text"),
            _tail(instance.stderr_text).label("stderr_text"),
            select(s.HOST.c.hostname)
            .where(s.HOST.c.host_id == instance.host_id)
            .correlate(s.JOB_INSTANCE)
            .scalar_subquery()
            .label("host"),
        )
        .select_from(s.JOB)
        .join(s.WORKFLOW, s.WORKFLOW.c.wf_id == job.wf_id)
        .join(s.JOB_INSTANCE, instance.job_id == job.job_id)
        .where(s.WORKFLOW.c.wf_uuid == about.wf_uuid, job.exec_job_id == about.job)
        .order_by(instance.job_submit_seq)
        .offset(max((about.attempt or 1) - 1, 0))
        .limit(1)
    )
    with reading(engine) as connection:
        row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        tasks = connection.execute(
            select(task.task_submit_seq, task.transformation, task.exitcode, task.remote_duration)
            .where(task.job_instance_id == row.job_instance_id, task.task_submit_seq > 0)
            .order_by(task.task_submit_seq)
            .limit(1000)
        ).all()
    return _job_facts(row, tasks, about)


def _job_facts(row: Any, tasks: Any, about: EventContext) -> JobFacts:
    meant = [one for one in tasks if about.task in (None, one.task_submit_seq)]
    failed = next((one for one in meant if one.exitcode), None)
    shown = failed or (meant[0] if meant else None)
    seconds = row.local_duration if about.task is None else shown and shown.remote_duration
    return JobFacts(
        type=row.type_desc,
        transformation=one_line(shown.transformation, 200) if shown else "",
        site=one_line(row.site or "", 100),
        host=one_line(row.host or "", 200),
        seconds=None if seconds is None else float(seconds),
        lines=last_words(failed and failed.task_submit_seq, row.stdout_text or "", row.stderr_text or "")
        if about.failed
        else (),
    )
