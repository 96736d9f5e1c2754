"""One job in full, as text and as JSON. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from monitord_job.jobs.model.one_job import Attempt, Job, Task
from monitord_job.jobs.views.tables import VERSION, as_mapping
from monitord_job.outcome.node_status import NODE_WORDS
from monitord_job.text.display import last_lines, one_line

_MARKS = re.compile(r"^#@ \d+ (?:stdout|stderr)\n", re.MULTILINE)
"""Before what each task wrote, in Stampede's texts."""
_COMMAND = 1000
_TASKS = 10
"""Of a cluster that are shown: those that failed first."""


def in_full(job: Job, lines: int) -> Iterator[str]:
    """Lines for people; the last `lines` of stdout and stderr of the newest attempt."""
    yield f"{one_line(job.name)} ({job.type}) of {one_line(job.workflow)}"
    yield from _rows("submit file", job.submit_file, "command", one_line(job.command, _COMMAND))
    if not job.attempts:
        yield NODE_WORDS[job.status].value
    for attempt in job.attempts:
        yield ""
        yield from _attempt(attempt)
    if job.attempts:
        newest = job.attempts[-1]
        for name, file, text in (
            ("stderr", newest.stderr_file, newest.stderr),
            ("stdout", newest.stdout_file, newest.stdout),
        ):
            if shown := last_lines(_MARKS.sub("", text), lines):
                yield ""
                yield f"{name}, the last lines of {one_line(file) or 'what is stored'}:"
                yield from (f"| {line}" for line in shown)


def _rows(*cells: str) -> Iterator[str]:
    for name, value in zip(cells[::2], cells[1::2], strict=True):
        if value:
            yield f"  {name:<12} {value}"


def _attempt(one: Attempt) -> Iterator[str]:
    row = one.row
    word = NODE_WORDS[row.status].value
    why = one_line(one.cause.phrase.removeprefix(f"{word}: "), 500) if one.cause is not None else ""
    yield f"attempt {row.number}: {word}{f': {why}' if why else ''}"
    where = ", ".join(word for word in (row.host, row.site) if word)
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in one.phases.items())
    yield from _rows(
        "job", one.condor_job, "host", one_line(where), "directory", one_line(one.directory), "time", spent
    )
    yield from _rows("stdout", one_line(one.stdout_file), "stderr", one_line(one.stderr_file))
    for resource in one.resources:
        if resource.requested:
            used = f"used {resource.used or '?'}, asked for {resource.requested}, given {resource.allocated}"
            yield f"  {resource.name:<12} {used}"
    told = sorted(one.tasks, key=lambda task: not task.code)[:_TASKS]
    for task in sorted(told, key=lambda task: task.number):
        yield f"  {task.name:<12} {_task(task)}"
    if len(one.tasks) > len(told):
        yield f"  and {len(one.tasks) - len(told)} more tasks"
    for state in one.states:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state.time))
        reason = f"  {one_line(state.reason, 500)}" if state.reason else ""
        yield f"  {at}  {state.word}{reason}"


def _task(task: Task) -> str:
    parts = [
        "" if task.code is None else f"signal {-task.code}" if task.code < 0 else f"exit code {task.code}",
        "" if task.seconds is None else f"{task.seconds:.1f} s",
        "" if not task.memory_kb else f"{task.memory_kb / 1024:.0f} MB",
        "" if not task.processors else f"{task.processors:.2f} processors",
    ]
    return f"{', '.join(part for part in parts if part)}: {one_line(task.command, _COMMAND)}"


def document(job: Job) -> dict[str, Any]:
    """For --json."""
    return {
        "version": VERSION,
        "job": job.name,
        "workflow": job.workflow,
        "type": job.type,
        "submit_file": job.submit_file or None,
        "command": job.command or None,
        "attempts": [_attempt_document(one) for one in job.attempts],
    }


def _attempt_document(one: Attempt) -> dict[str, Any]:
    return {
        **as_mapping(one.row),
        "condor_job": one.condor_job or None,
        "directory": one.directory or None,
        "stdout_file": one.stdout_file or None,
        "stderr_file": one.stderr_file or None,
        "stdout": one.stdout,
        "stderr": one.stderr,
        "cause": one.cause and one.cause.as_json(),
        "phases": one.phases,
        "resources": [asdict(resource) for resource in one.resources],
        "tasks": [{**asdict(task), "name": task.name} for task in one.tasks],
        "states": [asdict(state) for state in one.states],
    }
