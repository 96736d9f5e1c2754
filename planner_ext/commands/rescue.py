"""`bridle rescue`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from condor_templates.errors import BridleError
from condor_templates.next_command import completed
from condor_templates.terminal import say
from dag_rewriter.cli.common import RUN, dry_run_option, json_option, print_json
from dag_rewriter.cli.completion import complete_nodes
from dag_rewriter.directory.confirmed import target_of
from dag_rewriter.directory.locate import open_target
from dag_rewriter.rescue.rescue_files import Workflow, read_workflow, refuse_if_in_use
from dag_rewriter.rescue.rescue_plan import Choice, RescuePlan, plan_redo, plan_scratch, plan_use
from dag_rewriter.rescue.rescue_steps import SetAside, carry_out, told
from dag_rewriter.rescue.workflow_above import root_above
from monitord_job.cli.common import run_of

if TYPE_CHECKING:
    from monitord_job.database.queries.run_values import Job
    from monitord_job.readers.last_runs import LastRuns
    from planner_ext.reruns.removed_inputs import MissingInput

F = TypeVar("F", bound=Callable[..., Any])
_MOST = 10
_TARGET = click.argument("target", metavar="SUBMIT_DIR", type=RUN)


@click.group()
def rescue() -> None:
    """Show, choose and make rescue DAGs.

    DAGMan writes X.dag.rescueNNN when a run does not succeed, and the next run goes on from the highest number.
    `use`, `redo` and `scratch` say what that run shall do; `bridle run` then runs it. No rescue DAG is ever
    edited or deleted.

    \b
    Example:
      bridle rescue show runs/mosaic/run0001
      bridle rescue redo runs/mosaic/run0001 project_ID07 --with-descendants
      bridle run runs/mosaic/run0001

    Exit codes: 0 done; 2 it cannot be done, nothing was changed.
    """


@rescue.command("list")
@_TARGET
@json_option
def list_(target: Path, as_json: bool) -> None:
    """List the rescue DAGs of a workflow and of its sub-workflows.

    \b
    Example:
      bridle rescue list runs/mosaic/run0001

    Exit codes: 0 done, also if there are none; 2 the directory or its DAG cannot be used.
    """
    from monitord_job.readers.rescue_view import as_mapping, list_lines

    workflow, last = _with_last_runs(target)
    print_json(as_mapping(workflow, last)) if as_json else say("\n".join(list_lines(workflow, last)))


@rescue.command()
@_TARGET
@click.argument("number", metavar="[N]", type=click.IntRange(1), required=False)
@json_option
def show(target: Path, number: int | None, as_json: bool) -> None:
    """Show what is done, failed and not started: now, or in rescue DAG N.

    Without N it is where the workflow stands: what the next `bridle run` leaves out and what it runs.

    \b
    Example:
      bridle rescue show runs/mosaic/run0001
      bridle rescue show runs/mosaic/run0001 2 --json

    Exit codes: 0 done; 2 the directory cannot be used, or has no rescue DAG N.
    """
    from monitord_job.readers.rescue_view import rescue_at, show_lines, show_mapping

    workflow, last = _with_last_runs(target)
    run_state = workflow.run_state if number is None else rescue_at(workflow, number)
    if run_state.rescue != workflow.run_state.rescue:
        last = {}  # what is known now is not why nodes had failed by then
    if as_json:
        print_json(show_mapping(workflow, run_state, last))
    else:
        say("\n".join(show_lines(workflow, run_state, last)))


def _with_last_runs(target: Path) -> tuple[Workflow, LastRuns]:
    """The workflow, and how its last run ended: known of all below a run by the database of that."""
    from monitord_job.readers.last_runs import last_runs, with_stored

    workflow = read_workflow(run_of(target))
    root, path = root_above(workflow.submit_dir)
    last = last_runs(read_workflow(open_target(target_of(root))) if path else workflow)
    return with_stored(workflow, last), last


def _making(command: F) -> F:
    """The options of the commands that make a rescue DAG."""
    return dry_run_option(json_option(command))


def _choosing(command: F) -> F:
    """Of those that may keep something."""
    retries = click.option(
        "--retries",
        type=click.Choice(["reset", "keep"]),
        default="reset",
        show_default=True,
        help="Give each node all of its retries again, or what the last run has left.",
    )
    renumber = click.option(
        "--renumber", is_flag=True, help="Rename all rescue DAGs to *.old and begin at 001 again."
    )
    return retries(renumber(command))


@rescue.command()
@_TARGET
@click.argument("number", metavar="N", type=click.IntRange(1))
@_choosing
@_making
def use(target: Path, number: int, retries: str, renumber: bool, dry_run: bool, as_json: bool) -> None:
    """Make the next run go on from rescue DAG N.

    Its content is written as a new rescue DAG with the next number, which DAGMan takes. Sub-workflows that are
    not done in it go back to where they stood when it was made.

    \b
    Example:
      bridle rescue use runs/mosaic/run0001 1 && bridle run runs/mosaic/run0001

    Exit codes: 0 done, or nothing to do; 2 there is no such rescue DAG, the workflow runs, or DAGMan's limit on
    rescue DAGs is reached; nothing was changed.
    """
    workflow = _idle(target)
    _do(workflow, plan_use(workflow, number, _choice(retries, renumber)), dry_run, as_json)


@rescue.command()
@_TARGET
@_making
def scratch(target: Path, dry_run: bool, as_json: bool) -> None:
    """Make the next run run everything again.

    All rescue DAGs are renamed to *.old, those of sub-workflows too, and one without any node is written. The
    database and the logs stay: the attempts of the new run are counted on.

    \b
    Example:
      bridle rescue scratch runs/mosaic/run0001 && bridle run runs/mosaic/run0001

    Exit codes: 0 done; 2 nothing has run yet, or the workflow runs; nothing was changed.
    """
    workflow = _idle(target)
    _do(workflow, plan_scratch(workflow, Choice(int(time.time()))), dry_run, as_json)


@rescue.command()
@_TARGET
@click.argument("nodes", metavar="NODE...", nargs=-1, required=True, shell_complete=complete_nodes)
@click.option("--with-descendants", is_flag=True, help="Also all nodes that depend on them.")
@click.option(
    "--with-inputs", is_flag=True, help="Also the nodes that make inputs which cleanup nodes have removed."
)
@_choosing
@_making
def redo(
    target: Path,
    nodes: tuple[str, ...],
    with_descendants: bool,
    with_inputs: bool,
    retries: str,
    renumber: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Mark nodes to be rerun.

    The next run runs them again, for instance after an input was mended. What else is done stays done, what is not
    done runs as well. A sub-workflow among the nodes begins afresh; S/X is the node X of the sub-workflow S, whose
    other nodes stay done. Where SUBMIT_DIR is a sub-workflow, the run above it is marked, too. Inputs that
    cleanup nodes have removed are named, with the nodes that make them.

    \b
    Example:
      bridle rescue redo runs/mosaic/run0001 project_ID07 --with-descendants --dry-run
      bridle rescue redo runs/mosaic/run0001 project_ID07 --with-descendants && bridle run runs/mosaic/run0001

    Exit codes: 0 done; 2 there is no such node, nothing has run yet, the workflow runs, or DAGMan's limit on
    rescue DAGs is reached; nothing was changed.
    """
    from monitord_job.readers.last_runs import as_logs_tell

    root, path = root_above(run_of(target))
    if path:
        nodes = tuple(f"{path}/{node}" for node in nodes)
    workflow = as_logs_tell(_idle(target_of(root)))
    choice = _choice(retries, renumber)
    plan = plan_redo(workflow, nodes, with_descendants, choice)
    missing, notes = _missing(workflow, plan)
    makers = tuple(dict.fromkeys(name for each in missing for name in each.made_by))
    if with_inputs and makers:
        plan = plan_redo(workflow, nodes, with_descendants, choice, makers)
    elif makers:
        notes += (f"--with-inputs runs {len(makers)} nodes again that make them: {_some(makers)}",)
    plan = replace(plan, notes=(*plan.notes, *notes))
    if path:
        what = f"{path} is a sub-workflow: the run above it, which is marked too, runs it again: `bridle run`"
        plan = replace(plan, notes=(*plan.notes, completed(what, target_of(root))))
    _do(workflow, plan, dry_run, as_json, missing)


def _missing(workflow: Workflow, plan: RescuePlan) -> tuple[tuple[MissingInput, ...], tuple[str, ...]]:
    """Which inputs are gone, and the same in words."""
    if not any(each.submit_dir.is_planned for each in workflow.in_all()):
        return (), ()
    from planner_ext.reruns.removed_inputs import missing_inputs, why_unknown

    try:
        missing = missing_inputs(workflow, plan.runs)
    except BridleError as error:
        return (), (why_unknown(error),)
    left_out = len(missing) - _MOST
    more = (f"{left_out} more inputs are gone",) if left_out > 0 else ()
    return missing, (*map(str, missing[:_MOST]), *more)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def _idle(target: Path) -> Workflow:
    workflow = read_workflow(run_of(target))
    refuse_if_in_use(workflow)
    return workflow


def _choice(retries: str, renumber: bool) -> Choice:
    return Choice(int(time.time()), keep_retries=retries == "keep", renumber=renumber)


def _do(
    workflow: Workflow,
    plan: RescuePlan,
    dry_run: bool,
    as_json: bool,
    missing: Sequence[MissingInput] = (),
) -> None:
    from monitord_job.readers.last_runs import last_runs
    from monitord_job.readers.rescue_view import causes_of

    failed = causes_of(workflow, plan.runs, last_runs(workflow))
    if not dry_run:
        carry_out(plan.steps)
    if as_json:
        shown = {
            "submit_dir": str(workflow.submit_dir.path),
            "dry_run": dry_run,
            "written": [str(step.path) for step in plan.steps if not isinstance(step, SetAside)],
            "renamed": {str(step.path): str(step.to) for step in plan.steps if isinstance(step, SetAside)},
            "runs": list(plan.runs),
            "causes": {name: job.cause.as_json() for name, job in failed.items() if job.cause},
            "missing_inputs": [each.as_json() for each in missing],
            "notes": list(plan.notes),
        }
        print_json(shown)
        return
    say("\n".join(_lines(workflow, plan, failed, dry_run)))


def _lines(workflow: Workflow, plan: RescuePlan, failed: Mapping[str, Job], dry_run: bool) -> Iterator[str]:
    from monitord_job.readers.rescue_view import why_line

    yield from told(plan.steps, workflow.submit_dir.path, would=dry_run)
    yield from plan.notes
    yield (
        f"the next run runs {len(plan.runs)} nodes: {_some(plan.runs)}"
        if plan.runs
        else "the next run has nothing to do"
    )
    for name, job in islice(failed.items(), _MOST):
        yield f"failed: {name}{why_line(job)}"
    if len(failed) > _MOST:
        yield f"failed: {len(failed) - _MOST} more"
