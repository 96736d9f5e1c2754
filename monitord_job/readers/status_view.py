"""What `bridle status` says of a run: for people, and as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from condor_templates.state_words import StateWord
from monitord_job.database.queries.attempts import status_of
from monitord_job.database.queries.run_values import Job, WorkflowSummary
from monitord_job.diagnosis.run_states import OVER, Condition, Diagnosis
from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus, percent_done
from monitord_job.outcome.wall_time import elapsed, wall_time
from monitord_job.readers.run_outcome import EXIT_CODES, RunState, ending, state_of, word_for
from monitord_job.text.display import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from condor_templates.printable_console import PrintableConsole

MOST_FAILURES = 20
"""Failed jobs, and held ones, that people are told of one by one."""
_MOST_NAMED = 5


def tell_diagnosis(diagnosis: Diagnosis, say: Callable[[str], object]) -> None:
    """In lines for people: the condition, and what is wrong beside it."""
    advice = f"; {diagnosis.advice}" if diagnosis.advice else ""
    say(f"{diagnosis.condition.value}: {diagnosis.what}{advice}")
    for each in diagnosis.findings:
        say(f"{each.trouble.value}: {each.what}")


def as_mapping(
    run: WorkflowSummary, diagnosis: Diagnosis | None = None, run_above: Path | None = None
) -> dict[str, Any]:
    """For --json; times are seconds since the epoch. `run_above`: whose sub-workflow it is."""
    counts = run.count()
    ended = ending(run, diagnosis)
    state = state_of(run, diagnosis)
    unread, until = _unread(run, diagnosis), time.time()
    return {
        "wf_uuid": run.wf_uuid,
        "label": run.label,
        "run_above": None if run_above is None else str(run_above),
        "state": state.value,
        "ending": None if ended is None else ended.value,
        "exit_code": None if ended is None else EXIT_CODES[ended],
        "diagnosis": None if diagnosis is None else diagnosis.as_json(),
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "restarts": run.restarts,
        "wall_time_seconds": wall_time(run.states, until),
        "elapsed_seconds": elapsed(run.states, until),
        "jobs": {
            "total": run.total,
            **{each.value: None if unread else counts[each] for each in NodeStatus},
        },
        "unreadable": unread or None,
        "failed": [_failure(job) for job in run.jobs if job.status is NodeStatus.FAILED],
        "held": [_failure(job) for job in run.jobs if job.status is NodeStatus.HELD],
        "held_below": run.held_below,
        "blocked": [{"by": each.by, "nodes": list(each.nodes)} for each in run.blocked],
        "quarantined": run.quarantined,
        "metrics": {source: dict(counts) for source, counts in run.metrics.items()},
    }


def _failure(job: Job) -> dict[str, Any]:
    return {
        "job": job.name,
        "type": job.type,
        "site": job.site,
        "attempts": job.attempts,
        "exitcode": status_of(job.cause, job.exitcode),
        "stdout_file": job.stdout_file,
        "output": job.output,
        "reason": job.reason,
        "cause": job.cause and job.cause.as_json(),
    }


def show(
    run: WorkflowSummary, console: PrintableConsole | None = None, diagnosis: Diagnosis | None = None
) -> None:
    """Print it for people; plain text where the output is no terminal."""
    from rich.text import Text

    from condor_templates.printable_console import PrintableConsole

    console = console or PrintableConsole()
    console.soft_wrap = not console.is_terminal  # a line of a file or of a pipe has any length
    state, word = state_of(run, diagnosis), word_for(run, diagnosis)
    counts, total = run.count(), run.total
    done = counts[NodeStatus.SUCCEEDED]
    console.print(Text(f"{run.label or 'workflow'}  {run.wf_uuid}"))
    console.print(Text(f"{word}{_times(run)}", style=_STYLE[state]))
    if diagnosis is not None and worth_telling(diagnosis):
        tell_diagnosis(diagnosis, lambda line: console.print(Text(line, style="yellow")))
    if _unread(run, diagnosis):
        console.print(f"how many of {total} jobs are done is not known")
    else:
        console.print(f"{done} of {total} jobs done ({percent_done(done, total)} %)")
        console.print(_table(run))
    _show_jobs(console, run, NodeStatus.HELD)
    if run.held_below and not (diagnosis and diagnosis.held):
        console.print(f"held: {run.held_below} jobs of sub-workflows")
    _show_jobs(console, run, NodeStatus.FAILED)
    for each in run.blocked:
        console.print(Text(f"{StateWord.BLOCKED.value} {each.by}: {_some(each.nodes)}"))
    if run.quarantined:
        console.print(f"{run.quarantined} pieces of input could not be read: see table bridle_quarantine")


def _some(names: Sequence[str]) -> str:
    nodes = "1 node" if len(names) == 1 else f"{len(names)} nodes"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{nodes}: {', '.join(names[:_MOST_NAMED])}{more}"


def _unread(run: WorkflowSummary, diagnosis: Diagnosis | None) -> str:
    """Why it is not known what the jobs did; empty if it is."""
    return diagnosis.unreadable if diagnosis is not None and run.started is None else ""


def worth_telling(diagnosis: Diagnosis) -> bool:
    """Whether it says more than how far the run is."""
    plain = (Condition.RUNNING, Condition.WAITING, Condition.NEVER_SUBMITTED, *OVER)
    return bool(diagnosis.findings) or diagnosis.condition not in plain


_STYLE = {
    RunState.NOT_STARTED: "dim",
    RunState.RUNNING: "bold blue",
    RunState.SUCCEEDED: "bold green",
    RunState.FAILED: "bold red",
}


def _times(run: WorkflowSummary) -> str:
    if run.started is None:
        return ""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
    now = time.time()
    took, at_work = elapsed(run.states, now) or 0, wall_time(run.states, now) or 0
    pauses = f" (without pauses {_hours(at_work)})" if _hours(took) != _hours(at_work) else ""
    restarts = f", {run.restarts} restarts" if run.restarts else ""
    code = f", DAGMan exit code {run.status}" if run.status else ""
    return f"{code}, started {began}, {_hours(took)}{pauses}{restarts}"


def _hours(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d} h"


def _table(run: WorkflowSummary) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("type")
    by_type = run.count_by_type()
    shown = [status for status in NodeStatus if any(counts[status] for counts in by_type.values())]
    for status in shown:
        table.add_column(NODE_WORDS[status].value, justify="right")
    table.add_column("total", justify="right")
    for name, counts in sorted(by_type.items()):
        table.add_row(name, *(str(counts[status] or "") for status in shown), str(counts.total()))
    return table


def _show_jobs(console: PrintableConsole, run: WorkflowSummary, status: NodeStatus) -> None:
    from rich.text import Text

    word, count = NODE_WORDS[status].value, run.count()[status]
    for job in [job for job in run.jobs if job.status is status][:MOST_FAILURES]:
        why = "" if job.cause is None else f": {one_line(job.cause.phrase.removeprefix(f'{word}: '))}"
        where = f", see {job.output}" if job.output else ""
        console.print(Text(f"{word}: {job.name} (attempt {job.attempts}{where}){why}"))
    if count > MOST_FAILURES:
        console.print(f"{word}: {count - MOST_FAILURES} more")
