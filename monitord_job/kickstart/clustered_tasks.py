"""Clustered jobs: which task each record belongs to, also where a record or a line is missing or damaged.

pegasus-cluster and pegasus-mpi-cluster write a task's record and then a line `[cluster-task id=N ...]`; the list
that they were given names task N.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dag_rewriter.logs.events import new
from monitord_job.kickstart.records import ClusterLine, Invocation, ListedTask, Record

# What matches a blank matches no beginning of a word: otherwise many blanks would take the square of their number.
_LISTED = re.compile(r"#@\s*([0-9]{1,18})\s+(\S+)\s+(\S.*)")
_OF_MPI_CLUSTER = "TASK "
_NO_COMMAND = ("#", "EDGE ")
_MOST_DIGITS = 18
"""Of a number that a database can hold."""


class TaskRun(NamedTuple):
    """One task that ran: its number within the job, and what is there of record, line and list."""

    number: int
    record: Invocation | None = None
    line: ClusterLine | None = None
    listed: ListedTask | None = None


def parse_list(text: str) -> tuple[ListedTask, ...]:
    """The tasks in the list of a cluster.

    >>> parse_list("#@ 1 work w1 \\n/bin/work -n 1\\n\\n/bin/more\\n#@ 2 work w2\\n")[0]
    ListedTask(number=1, transformation='work', task='w1', executable='/bin/work', arguments='-n 1')
    """
    return tuple(_listed(text.split("\n")))


def _listed(lines: Iterable[str]) -> Iterator[ListedTask]:
    head: re.Match[str] | None = None
    for line in lines:
        match = _LISTED.match(line)
        if match or (head and line.strip() and not line.startswith(_NO_COMMAND)):
            if head:
                yield _task(head, "" if match else line)
            head = match
    if head:
        yield _task(head, "")


def _task(head: re.Match[str], command: str) -> ListedTask:
    words = command.removeprefix(_OF_MPI_CLUSTER).strip().split(None, 1)
    executable, arguments = [*words, None, None][:2]
    return ListedTask(int(head[1]), head[2], head[3].rstrip(), executable, arguments)


def task_runs(records: Sequence[Record]) -> tuple[TaskRun, ...]:
    """The tasks of a job in the order of their records; a job that is no cluster has one, or none without a record.

    A cluster-task line belongs to the record before it. The numbers are those of the lines, or 1, 2, ... if the
    lines have none, or give one twice.
    """
    if len(records) == 1 and isinstance(records[0], Invocation):
        return (new(TaskRun, (1, records[0], None, None)),)  # nearly always
    runs = list(_runs(records))
    listed = {task.number: task for task in records if isinstance(task, ListedTask)}
    names = {task.task: task for task in listed.values()}
    numbers = [_number(run, names) for run in runs]
    if None in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(1, len(runs) + 1))
    return tuple(
        run._replace(number=number or 0, listed=_entry(run, listed, names))
        for run, number in zip(runs, numbers, strict=True)
    )


def _runs(records: Sequence[Record]) -> Iterator[TaskRun]:
    waiting: Invocation | None = None
    for record in records:
        if isinstance(record, Invocation):
            if waiting:
                yield TaskRun(0, waiting)
            waiting = record
        elif isinstance(record, ClusterLine) and not record.is_summary:
            yield TaskRun(0, waiting, record)
            waiting = None
    if waiting:
        yield TaskRun(0, waiting)


def _number(run: TaskRun, names: dict[str, ListedTask]) -> int | None:
    number = run.line.fields.get("id", "") if run.line else ""
    if number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
        return int(number)
    name = _name(run)
    return names[name].number if name in names else None


def _name(run: TaskRun) -> str | None:
    if run.record and run.record.derivation:
        return run.record.derivation
    return run.line.fields.get("name") if run.line else None


def _entry(run: TaskRun, listed: dict[int, ListedTask], names: dict[str, ListedTask]) -> ListedTask | None:
    """By its name if the record or the line has it, else by the number of the line."""
    name = _name(run)
    if name is not None:
        return names.get(name)
    number = _number(run, names)
    return None if number is None else listed.get(number)
