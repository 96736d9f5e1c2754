"""BASE.static.bp: the plan as NetLogger events for the monitoring database."""

from __future__ import annotations

from collections.abc import Iterator

from .abstract import AbstractWorkflow
from .concrete import Concrete, Job
from .dag_file import retry_of
from .options import Place
from .submit_files import arguments_of, executable_of

UPTIME = 1605.0  # since 5.x the planner's `ts` is an uptime, not a date


def static_text(workflow: AbstractWorkflow, plan: Concrete, place: Place) -> str:
    """All events in the planner's order, one line each, a blank at the end of each."""
    start = f"xwf.id={place.options.uuid}"
    lines = (
        f"ts={_uptime(number)} event={event} {start} {fields}"
        for number, (event, fields) in enumerate(_events(workflow, plan, place))
    )
    return "".join(line + "\n" for line in lines)


def _uptime(number: int) -> str:
    micros = int(UPTIME * 1e6) + 97 * number
    seconds, fraction = divmod(micros, 10**6)
    return f"1970-01-01T{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}.{fraction:06d}Z"


def _fields(**values: object) -> str:
    """`key="value" ` pairs; __ stands for a dot, None for a pair left out."""
    pairs = ((key.replace("__", "."), str(value)) for key, value in values.items() if value is not None)
    return "".join(f'{key}="{_escaped(value)}" ' for key, value in pairs)


def _escaped(value: str) -> str:
    return value.replace('"', '\\"')


def _events(workflow: AbstractWorkflow, plan: Concrete, place: Place) -> Iterator[tuple[str, str]]:
    for task in workflow.tasks:
        argv = " ".join(task.arguments) or None
        yield (
            "task.info",
            _fields(
                task__id=task.id, type=1, type_desc="compute", transformation=task.transformation, argv=argv
            ),
        )
    for parent, children in workflow.edges().items():
        for child in children:
            yield "task.edge", _fields(parent__task__id=parent, child__task__id=child)
    yield from _metadata_events(workflow)
    for job in plan.jobs.values():
        yield "job.info", _job_fields(job, place)
    for job in plan.jobs.values():
        for task in job.tasks:
            yield "wf.map.task_job", _fields(job__id=job.name, task__id=task.id)
    for job in plan.jobs.values():
        for child in job.children:
            yield "job.edge", _fields(parent__job__id=job.name, child__job__id=child)


def _metadata_events(workflow: AbstractWorkflow) -> Iterator[tuple[str, str]]:
    yield "static.meta.start", ""
    for key, value in sorted(workflow_metadata(workflow).items()):
        yield "xwf.meta", _fields(key=key, value=value)
    for task in workflow.tasks:
        for key, value in task.metadata.items():
            yield "task.meta", _fields(task__id=task.id, key=key, value=value)
        for use in task.uses:
            for key, value in use.metadata.items():
                yield "rc.meta", _fields(lfn__id=use.lfn, key=key, value=value)
            if not use.is_input and (use.metadata or task.metadata):
                yield "wf.map.file", _fields(task__id=task.id, lfn__id=use.lfn)
    yield "static.meta.end", ""


def workflow_metadata(workflow: AbstractWorkflow) -> dict[str, str]:
    """The workflow's metadata with the one that the planner adds."""
    return {**{key: str(value) for key, value in workflow.metadata.items()}, "wf.api": "python"}


def _job_fields(job: Job, place: Place) -> str:
    return _fields(
        job__id=job.name,
        submit_file=f"{job.folder}/{job.name}.sub",
        type=job.kind.job_class,
        type_desc=job.kind.type_desc,
        clustered=int(job.clustered),
        max_retries=retry_of(job, place),
        executable=executable_of(job, place),
        argv=arguments_of(job, place),
        task_count=len(job.tasks),
    )
