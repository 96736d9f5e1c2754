"""`pegasus-run DIR` as `bridle run DIR` does it, with the words that its callers wait for; and `pegasus-remove DIR`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from condor_templates.errors import BridleError
from condor_templates.next_command import completed
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned
from dag_rewriter.rewriting.rewrite import is_rewritten, undo
from monitord_job.database.queries.run_values import WorkflowSummary
from monitord_job.errors import ScheddError
from monitord_job.schedd import dagman_jobs
from planner_ext.errors import AlreadyRunningError, BadStartError
from planner_ext.operations.control import remove
from planner_ext.operations.run import Submitted, start
from planner_ext.shims.call_arguments import CONDOR_SUB, RunCall, parse_remove, parse_run
from planner_ext.shims.handlers import (
    ShimDecision,
    before_submit,
    is_sub_workflow,
    kept_by_pegasus_monitord,
    refusing_bad,
)

_SUBMITTED = "Submitting job(s).\n1 job(s) submitted to cluster {}."
_BEGUN = """\

Your workflow has been started and is running in the base directory:

{0}

*** To monitor the workflow you can run ***

bridle status {0}

*** To remove your workflow run ***

bridle remove {0}
"""


@dataclass(frozen=True, slots=True)
class ShimOutput:
    """It is done; what pegasus-run, or pegasus-remove, is to say, and where."""

    out: str
    err: str


def run_as_pegasus(arguments: Sequence[str], here: Path, submit_dag: str | None) -> ShimOutput | ShimDecision:
    """Start or go on with a workflow, if the arguments and the directory are understood; else what the shim is to do.

    `submit_dag` is the real condor_submit_dag.

    Raises AlreadyRunningError, BadStartError and ScheddError: nothing is to be started then. Any other BridleError:
    nothing was.
    """
    call = parse_run(arguments)
    submit_dir = None if call is None else _planned(here / call.submit_dir)
    if call is None or submit_dir is None:
        return ShimDecision()
    if call.grid or is_sub_workflow(submit_dir) or kept_by_pegasus_monitord(submit_dir):
        # A check that pegasus-run makes, or a run that is none of ours: only what any start asks for.
        return before_submit([submit_dir.dag + CONDOR_SUB], submit_dir.path, submit_dag)
    return _words(call, submit_dir, _start(submit_dir))


def remove_as_pegasus(arguments: Sequence[str], here: Path) -> ShimOutput | ShimDecision:
    """Remove a run that has our monitor from the queue; else what the shim is to do. Raises BridleError.

    pegasus-remove reads the number of the DAGMan job from a line of dagman.out that has it only if pegasus-dagman
    started DAGMan (seen: Pegasus 5.1.3, HTCondor 25.14.1).
    """
    place = parse_remove(arguments)
    submit_dir = None if place is None else _planned(here / place)
    if submit_dir is None or is_sub_workflow(submit_dir) or not is_rewritten(submit_dir):
        return ShimDecision()
    return ShimOutput(str(remove(submit_dir, None, lambda _left: None)), "")


def _planned(path: Path) -> SubmitDir | None:
    """None for what pegasus-run shall say a word to: no submit directory, or one for the shell."""
    if not was_planned(path):
        return None
    with suppress(BridleError):
        return open_submit_dir(path.resolve())
    return None


def _start(submit_dir: SubmitDir) -> Submitted | WorkflowSummary:
    """As `bridle run`; on an error, either a DAGMan is in the queue (AlreadyRunningError), or all is as before."""
    was_rewritten = is_rewritten(submit_dir)
    try:
        with refusing_bad():
            return start(submit_dir)
    except (AlreadyRunningError, BadStartError, ScheddError):
        raise
    except Exception as error:  # whatever it is: the real pegasus-run is to run, and no second DAGMan
        if dagman_jobs(submit_dir):
            what = f"a DAGMan was submitted, but then: {error}"
            raise AlreadyRunningError(str(submit_dir.path), what, "see `bridle status`") from error
        if not was_rewritten and is_rewritten(submit_dir):
            undo(submit_dir)
        raise


def _words(call: RunCall, submit_dir: SubmitDir, begun: Submitted | WorkflowSummary) -> ShimOutput:
    if isinstance(begun, WorkflowSummary):
        what = (
            "this workflow has succeeded already, nothing was submitted; `bridle rescue redo SUBMIT_DIR NODE` "
            "has a node run again"
        )
        err = f"bridle: {submit_dir.path}: {completed(what, submit_dir.path)}"
    elif begun.how == "resumed":
        err = f"bridle: {submit_dir.path}: it was halted, and goes on as DAGMan job {begun.job}"
    else:
        err = _SUBMITTED.format(begun.job.partition(".")[0])
    if call.as_json:
        return ShimOutput(json.dumps(dict(submit_dir.braindump)), err)
    return ShimOutput("" if isinstance(begun, WorkflowSummary) else _BEGUN.format(submit_dir.path), err)
