"""What only files tell of a failure: the log of a sub-workflow's planner, why a DAGMan refused its DAG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dag_rewriter import files
from monitord_job.analysis.model.example import Example, Log
from monitord_job.analysis.model.failure import Failure
from monitord_job.logs.dagman_out_summary import refusal_in
from monitord_job.logs.tail import read_tail
from monitord_job.outcome.cause import CauseKind
from monitord_job.text.display import last_lines, one_line

_TAIL = 1 << 16
_LINES = 8


def with_logs(failure: Failure, example: Example, where: Mapping[int, Path]) -> Example:
    """The example with the log that tells why, if there is one."""
    cause = failure.cause
    if cause is None or failure.wf_id not in where:
        return example
    log = None
    if cause.kind is CauseKind.PRE_SCRIPT:
        log = _planner_log(where[failure.wf_id], failure.job)
    elif cause.kind is CauseKind.SUB_WORKFLOW and example.subwf_id is not None and example.subwf_id in where:
        log = _refusal(where[example.subwf_id])
    return replace(example, log=log)


def _planner_log(directory: Path, job: str) -> Log | None:
    """The newest of what the planner wrote when it was the PRE script of a job: NAME.pre.log, then .000 and so on."""
    named = [name for name in _names(directory) if name.startswith(f"{job}.pre.log")]
    name = max(named, default=None)
    return None if name is None else _log(directory, name)


def _names(directory: Path) -> list[str]:
    try:
        return files.names_in(directory)
    except OSError:
        return []


def _log(directory: Path, name: str) -> Log:
    text = _tail(directory / name).decode("utf-8", "replace")
    telling = "\n".join(
        line for line in text.splitlines() if "ERROR" in line or "FATAL" in line or line[:1] == " "
    )
    return Log(one_line(name), last_lines(telling or text, _LINES))


def _refusal(directory: Path) -> Log | None:
    for name in sorted(_names(directory)):
        if name.endswith(".dag.dagman.out") and (words := refusal_in(_tail(directory / name))):
            return Log(one_line(name), (one_line(words),))
    return None


def _tail(path: Path) -> bytes:
    try:
        return read_tail(path, _TAIL)
    except OSError:
        return b""
