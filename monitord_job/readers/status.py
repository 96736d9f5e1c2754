"""What `bridle status` says of a run."""

from __future__ import annotations

import errno
import logging
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.run_queries import (
    Job,
    JobStatus,
    WorkflowProgress,
    WorkflowSummary,
    open_database,
    summary,
)
from monitord_job.database.url import Database, database_of
from monitord_job.diagnosis.diagnose import diagnose, ending_of
from monitord_job.diagnosis.facts import gather
from monitord_job.diagnosis.run_states import OVER, Condition, Diagnosis, Ending
from monitord_job.errors import LockedError, StoppedError, TryAgainError
from monitord_job.monitor.daemon import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.stampede.wait_status import exit_code

LOG = logging.getLogger("bridle.status")
_MOST_FAILURES = 20


class RunState(Enum):
    """A run in one word."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


def state_of(found: WorkflowSummary | WorkflowProgress) -> RunState:
    """DAGMan's exit code decides, and a node that failed: a FINAL node can make a failed DAG exit with 0.

    Whatever did not run to its end has failed; `ending` says which way.
    """
    if found.started is None:
        return RunState.NOT_STARTED
    if found.ended is None:
        return RunState.RUNNING
    if isinstance(found, WorkflowSummary):
        return RunState.SUCCEEDED if ending(found) is Ending.SUCCEEDED else RunState.FAILED
    failed = found.status != 0 or found.count()[JobStatus.FAILED]
    return RunState.FAILED if failed else RunState.SUCCEEDED


def read_status(submit_dir: SubmitDir, url: str | None = None) -> WorkflowSummary:
    """The run as its database (or the one at `url`) has it, after catching up if no monitor is alive to do that."""
    engine = open_database(brought_up(submit_dir, url))
    try:
        return summary(engine, submit_dir.wf_uuid or "")
    finally:
        engine.dispose()


def brought_up(submit_dir: SubmitDir, url: str | None = None) -> Database:
    """The database of the run, caught up with its logs if that can be done now: what any reader begins with."""
    database = database_of(submit_dir, url)
    try:
        catch_up(submit_dir, Limits(database=5.0), url=url)
    except StoppedError as error:
        LOG.warning("showing the database as it stands: %s", error)
    except LockedError:
        LOG.info("a monitor is at work on %s", submit_dir.path)
    except TryAgainError as error:
        LOG.warning("showing the database as it stands: %s", error)
    except OSError as error:
        # Somebody else's run: what is stored may be read all the same.
        there = database.file is None or database.file.exists()
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not there:
            raise
        LOG.info("showing the database as it stands: %s", error)
    return database


def ending(found: WorkflowSummary, diagnosis: Diagnosis | None = None) -> Ending | None:
    """How the run ended, with the word of DAGMan's metrics if they are of this run; None if it has not."""
    if found.ended is None:
        return None
    told = _ENDINGS.get(diagnosis.condition) if diagnosis is not None else None
    if told is not None:
        return told
    dagman = found.metrics.get("dagman", {})
    ours = _number(dagman.get("end_time")) >= (found.begun or 0)  # else those of a run before it
    status = int(_number(dagman.get("DagStatus"))) if ours and "DagStatus" in dagman else None
    return ending_of(found.status or 0, found.count()[JobStatus.FAILED], status)


_STATES = {Ending.SUCCEEDED: RunState.SUCCEEDED}
_ENDINGS = {
    Condition.REMOVED: Ending.REMOVED,
    Condition.ABORTED: Ending.ABORTED,
    Condition.ENDED_HALTED: Ending.HALTED,
}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


EXIT_CODES = {
    Ending.SUCCEEDED: 0,
    Ending.FAILED: 1,
    Ending.REMOVED: 4,
    Ending.ABORTED: 5,
    Ending.HALTED: 6,
}
"""What `bridle run --wait` exits with (docs/exit-codes.md)."""


def diagnosis_of(submit_dir: SubmitDir, url: str | None = None) -> Diagnosis:
    """What state the run is in, as HTCondor and the files have it."""
    return diagnose(gather(submit_dir, url))


def tell_diagnosis(found: Diagnosis, say: Callable[[str], object]) -> None:
    """In lines for people: the condition, and what is wrong beside it."""
    advice = f"; {found.advice}" if found.advice else ""
    say(f"{found.condition.value}: {found.what}{advice}")
    for each in found.findings:
        say(f"{each.trouble.value}: {each.what}")


def as_mapping(found: WorkflowSummary, diagnosis: Diagnosis | None = None) -> dict[str, Any]:
    """For --json; times are seconds since the epoch."""
    counts = found.count()
    ended = ending(found, diagnosis)
    state = state_of(found) if ended is None else _STATES.get(ended, RunState.FAILED)
    return {
        "wf_uuid": found.wf_uuid,
        "label": found.label,
        "state": state.value,
        "ending": None if ended is None else ended.value,
        "exit_code": None if ended is None else EXIT_CODES[ended],
        "diagnosis": None if diagnosis is None else diagnosis.as_json(),
        "status": found.status,
        "started": found.started,
        "ended": found.ended,
        "restarts": found.restarts,
        "jobs": {"total": len(found.jobs), **{status.value: counts[status] for status in JobStatus}},
        "failed": [_failure(job) for job in found.jobs if job.status is JobStatus.FAILED],
        "held": [_failure(job) for job in found.jobs if job.status is JobStatus.HELD],
        "quarantined": found.quarantined,
        "metrics": {source: dict(counts) for source, counts in found.metrics.items()},
    }


def _failure(job: Job) -> dict[str, Any]:
    return {
        "job": job.name,
        "type": job.type,
        "site": job.site,
        "attempts": job.attempts,
        "exitcode": None if job.exitcode is None else exit_code(job.exitcode),
        "stdout_file": job.stdout_file,
        "reason": job.reason,
    }


def show(found: WorkflowSummary, console: Console | None = None, diagnosis: Diagnosis | None = None) -> None:
    """Print it for people; plain text where the output is no terminal."""
    console = console or Console(highlight=False)
    ended = ending(found, diagnosis)
    state = state_of(found) if ended is None else _STATES.get(ended, RunState.FAILED)
    word = state.value if ended is None else ended.value
    counts, total = found.count(), len(found.jobs)
    done = counts[JobStatus.SUCCEEDED]
    console.print(Text(f"{found.label or 'workflow'}  {found.wf_uuid}"))
    console.print(Text(f"{word}{_times(found)}", style=_STYLE[state]))
    if diagnosis is not None and _worth_telling(diagnosis):
        tell_diagnosis(diagnosis, lambda line: console.print(Text(line, style="yellow")))
    console.print(f"{done} of {total} jobs done ({100 * done / total if total else 100:.0f} %)")
    console.print(_table(found))
    _show_jobs(console, "held", [job for job in found.jobs if job.status is JobStatus.HELD])
    _show_jobs(console, "failed", [job for job in found.jobs if job.status is JobStatus.FAILED])
    if found.quarantined:
        console.print(f"{found.quarantined} pieces of input could not be read: see table bridle_quarantine")


def _worth_telling(diagnosis: Diagnosis) -> bool:
    plain = (Condition.RUNNING, Condition.WAITING, Condition.NEVER_SUBMITTED, *OVER)
    return bool(diagnosis.findings) or diagnosis.condition not in plain


_STYLE = {
    RunState.NOT_STARTED: "dim",
    RunState.RUNNING: "bold blue",
    RunState.SUCCEEDED: "bold green",
    RunState.FAILED: "bold red",
}


def _times(found: WorkflowSummary) -> str:
    if found.started is None:
        return ""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.started))
    seconds = (found.ended or int(time.time())) - found.started
    took = f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d} h"
    restarts = f", {found.restarts} restarts" if found.restarts else ""
    code = f", DAGMan exit code {found.status}" if found.status else ""
    return f"{code}, started {began}, {took}{restarts}"


def _table(found: WorkflowSummary) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("type")
    shown = [status for status in JobStatus if found.count()[status]]
    for status in shown:
        table.add_column(status.value, justify="right")
    table.add_column("total", justify="right")
    types = sorted({job.type for job in found.jobs})
    for name in types:
        counts = Counter(job.status for job in found.jobs if job.type == name)
        table.add_row(name, *(str(counts[status] or "") for status in shown), str(counts.total()))
    return table


def _show_jobs(console: Console, word: str, jobs: list[Job]) -> None:
    for job in jobs[:_MOST_FAILURES]:
        code = "" if job.exitcode is None else f", exit code {exit_code(job.exitcode)}"
        why = f": {job.reason}" if job.reason else ""
        where = f", see {job.stdout_file}" if job.stdout_file else ""
        console.print(Text(f"{word}: {job.name} (attempt {job.attempts}{code}{where}){why}"))
    if len(jobs) > _MOST_FAILURES:
        console.print(f"{word}: {len(jobs) - _MOST_FAILURES} more")
