"""The nodes of a DAG as the monitor's plans of jobs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from dag_rewriter.language.text import show_bytes
from dag_rewriter.logs.events import new
from dag_rewriter.logs.failed_jobs import Tolerance
from dag_rewriter.model.dag import NodeKind, Work
from dag_rewriter.model.splices import Part, WholeDag
from monitord_job.stampede.state import JobPlan, ScriptPlan, UnplannedJob


def plans_of(whole: WholeDag, monitor: str | None, *, is_unplanned: bool = False) -> dict[str, JobPlan]:
    """The nodes whose jobs are recorded: all but the monitor itself. `is_unplanned`: Pegasus planned none of them."""
    named = whole.descriptions()
    plans = {}
    for part in whole.parts:
        for work in part.works():
            if work.name != monitor:
                plan = _plan(work, part, named, is_unplanned)
                plans[plan.name] = plan
    return plans


def _plan(work: Work, part: Part, named: Mapping[str, tuple[str, str]], is_unplanned: bool) -> JobPlan:
    is_subdag, text = work.kind is NodeKind.SUBDAG, work.inline
    if text is not None:
        file = part.dag.source
    elif not is_subdag and work.submit_file in named:
        file, text = named[work.submit_file]
    else:
        file = part.path(posixpath.join(work.directory or "", work.submit_file))
    unplanned = None
    if is_unplanned or text is not None:
        unplanned = UnplannedJob(
            part.path(work.directory or ""), text, part.dag.nodes[_name_in_file(work, part)].vars
        )
    abort = work.abort_dag_on[0] if work.abort_dag_on else None
    values = (
        show_bytes(work.name),
        None if is_subdag else file,
        work.pre and new(ScriptPlan, work.pre),
        work.post and new(ScriptPlan, work.post),
        is_subdag,
        file if is_subdag else None,
        work.retries,
        tuple([code for code in (work.unless_exit, abort) if code is not None]),
        work.pre_skip,
        unplanned,
        work.pre_deferred,
        work.kind is NodeKind.SERVICE,
        abort,
        work.tolerance and Tolerance(*work.tolerance[:2]),
    )
    return new(JobPlan, values)


def _name_in_file(work: Work, part: Part) -> str:
    """The node's name in its file."""
    return work.name.removeprefix(part.prefix)
