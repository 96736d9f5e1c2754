"""Whether a run's own logs say what its nodes did; if not, what is missing and what would help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dag_rewriter import files
from dag_rewriter.directory.locate import jobstate_log
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from dag_rewriter.logs import dagman_log
from dag_rewriter.logs.dagman_log import DagmanJob
from dag_rewriter.logs.dagman_settings import verbosity_in
from dag_rewriter.rescue.rescue_files import rescue_names
from monitord_job.logs.dagman_out_messages import EVENTS_SINCE, STARTS
from monitord_job.logs.tail import read_tail

_HEAD = 1 << 16
_NEXT_TIME = "the next `bridle run` has a JOBSTATE_LOG written, which has all of it"


_TAIL = 1 << 20


def unreadable_run(submit_dir: SubmitDir) -> str:
    """Why what the nodes of a run did cannot be known of which nothing is stored; empty if it has not run."""
    job = dagman_log.parse(files.read_if_there(submit_dir.dagman_log) or b"")
    return why_unreadable(
        submit_dir, read_tail(submit_dir.dagman_out, _TAIL), is_over=was_over(submit_dir, job)
    )


def was_over(submit_dir: SubmitDir, job: DagmanJob | None) -> bool:
    """Whether a DAGMan has run here, and left: the schedd's log of its `job` says so, or what it wrote at its end."""
    if job is not None:
        return job.ended
    return newest_rescue(submit_dir) is not None or bool(dagman_metrics(submit_dir.dag_file))


def newest_rescue(submit_dir: SubmitDir) -> str | None:
    return next(reversed(rescue_names(submit_dir).values()), None)


def dagman_metrics(dag_file: Path) -> Mapping[str, Any]:
    """What DAGMan wrote into X.dag.metrics when it ended; empty where there is none, or only a part of it."""
    place = dag_file.with_name(f"{dag_file.name}.metrics")
    try:
        metrics = json.loads(files.read_if_there(place, files.SMALL) or b"{}")
    except (ValueError, RecursionError, FileError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def why_unreadable(submit_dir: SubmitDir, tail: bytes, *, is_over: bool) -> str:
    """Of a run whose JOBSTATE_LOG says nothing, from the end of its dagman.out; empty if that tells, or has yet to.

    `is_over`: a DAGMan has run here, and left.
    """
    log, states = submit_dir.dagman_out, jobstate_log(submit_dir)
    is_there = files.mode_of(states) is not None
    if is_there and states.stat().st_size:
        return ""
    if not tail:
        if not is_over:
            return ""
        what = (
            f"{states.name} is empty, and {log} is not there"
            if is_there
            else f"neither a JOBSTATE_LOG nor {log} is there"
        )
        what = f"{what}: what its nodes did cannot be known"
        return f"{what}; put the log back if it was moved; {_NEXT_TIME}"
    verbosity = verbosity_in(tail if STARTS in tail else files.read_begin(log, _HEAD))
    if verbosity is None or verbosity >= EVENTS_SINCE:
        return ""
    what = f"{log.name} does not say what its nodes did: DAGMAN_VERBOSITY was {verbosity}"
    return f"{what}, and it takes {EVENTS_SINCE} (the default); {_NEXT_TIME}"
