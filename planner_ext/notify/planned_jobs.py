"""Which abstract tasks each node of a planned DAG runs: from static.bp, or from the submit files without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from condor_templates.policy import JobClass
from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import SubmitDescription, parse_submit_file
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.logs.events import Malformed
from dag_rewriter.rewriting.rewrite import read_dag
from monitord_job.kickstart.clustered_tasks import parse_list
from monitord_job.notifications.rule import Entity
from monitord_job.stampede.static_bp import parse
from planner_ext.abstract.workflow import Task
from planner_ext.notify.hook_rules import PlannedJob, dag_task_of

_ENTITIES = {"dax": Entity.DAXJOB, "dag": Entity.DAGJOB}
"""by static.bp's type_desc"""
_NO_TASK = "null"


def planned_jobs(submit_dir: SubmitDir, tasks: tuple[Task, ...]) -> tuple[PlannedJob, ...]:
    """All nodes, in the planner's order."""
    data = files.read_if_there(submit_dir.static_bp)
    if data is not None:
        jobs = from_static_bp(data)
        if jobs:
            return jobs
    return tuple(_from_submit_files(submit_dir, tasks))


def from_static_bp(data: bytes) -> tuple[PlannedJob, ...]:
    """The nodes that it describes; empty when it describes none. Damaged lines are left out.

    >>> from_static_bp(b'event=job.info job.id="a" type_desc="dag" clustered="0"\\n'
    ...                b'event=wf.map.task_job job.id="a" task.id="ID1" \\n')
    (PlannedJob(node='a', entity=<Entity.DAGJOB: 'DAGJOB'>, tasks=('ID1',), is_cluster=False),)
    """
    jobs: dict[str, Mapping[str, str]] = {}
    tasks: dict[str, list[str]] = {}
    for line in data.split(b"\n"):
        if b"event=job.info" not in line and b"event=wf.map.task_job" not in line:
            continue
        event = parse(line)
        if event is None or isinstance(event, Malformed):
            continue
        node = event.fields.get("job.id", "")
        if event.name == "job.info":
            jobs[node] = event.fields
        else:
            tasks.setdefault(node, []).append(event.fields.get("task.id", ""))
    return tuple(
        PlannedJob(
            node,
            _ENTITIES.get(fields.get("type_desc", ""), Entity.JOB),
            tuple(tasks.get(node, ())),
            fields.get("clustered", "0") not in ("0", "false", "False"),
        )
        for node, fields in jobs.items()
    )


def _from_submit_files(submit_dir: SubmitDir, tasks: tuple[Task, ...]) -> Iterator[PlannedJob]:
    dag = read_dag(submit_dir)
    for node in dag.nodes.values():
        if node.kind is NodeKind.SUBDAG:
            task = dag_task_of(node.name, tasks)
            yield PlannedJob(node.name, Entity.DAGJOB, (task,) if task else ())
    paths = {path: node for node, path, _ in dag.submit_files()}
    for path, data in files.read_many(submit_dir.path, paths):
        if data is not None:
            yield _from_submit_file(submit_dir, paths[path], path, parse_submit_file(data))


def _from_submit_file(
    submit_dir: SubmitDir, node: str, path: str, description: SubmitDescription
) -> PlannedJob:
    entity = Entity.DAXJOB if description.job_class == JobClass.SUB_WORKFLOW.value else Entity.JOB
    task = description.text("+pegasus_wf_dax_job_id")
    if task and task != _NO_TASK:
        return PlannedJob(node, entity, (task,))
    # PegasusLite has the list inside its script, everything else reads it from stdin.
    names = (
        [path.removesuffix(".sub") + suffix for suffix in (".in", ".sh")]
        if description.job_class == 1
        else []
    )
    for _, data in files.read_many(submit_dir.path, names):
        listed = parse_list(data.decode("utf-8", "surrogateescape")) if data else ()
        if listed:
            return PlannedJob(node, entity, tuple(entry.task for entry in listed), is_cluster=True)
    return PlannedJob(node, entity)
