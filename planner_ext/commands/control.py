"""`bridle remove`, `hold`, `release`, `halt` and `resume`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json, submit_dir_argument
from dag_rewriter.cli.completion import complete_nodes
from monitord_job.cli.common import open_run, properties_options

if TYPE_CHECKING:
    from planner_ext.operations.control import Done

F = TypeVar("F", bound=Callable[..., object])
REMOVE_LIMIT = 600.0


def _common(command: F) -> F:
    """The argument and the option that all of them have."""
    return submit_dir_argument(properties_options(json_option(command)))


def _nodes_option(what: str) -> Callable[[F], F]:
    return click.option(
        "--node",
        "nodes",
        metavar="NAME",
        multiple=True,
        shell_complete=complete_nodes,
        help=f"{what} of this node alone; below/NAME for one of a sub-workflow. May be given several times.",
    )


def _say(done: Done, as_json: bool) -> None:
    print_json({"verb": done.verb, "to": list(done.to)}) if as_json else say(str(done))


@click.command()
@_common
@_nodes_option("Remove the jobs")
@click.option("--no-wait", is_flag=True, help="Do not stay until all jobs have left.")
@click.option(
    "--limit", default=REMOVE_LIMIT, show_default=True, help="Seconds to wait for the last job to leave."
)
def remove(submit_dir: Path, as_json: bool, nodes: tuple[str, ...], no_wait: bool, limit: float) -> None:
    """Remove a run from the queue, and store how its jobs ended.

    Sub-workflows go with it. DAGMan leaves at once, its jobs some time later: it waits for them, so that the database
    has the true end of each. `bridle run` goes on where it was.

    With --node the run goes on: DAGMan takes the removal for a failure of that node, and tries it again if it has
    retries left.

    \b
    Example:
      bridle remove ~/runs/mosaic/run0001
      bridle remove --no-wait diamond.dag
      bridle remove --node project_ID07 ~/runs/mosaic/run0001

    \b
    Exit codes: 0 removed, and stored to the end (not with --no-wait); 1 jobs were still there after --limit seconds;
    2 nothing of it is in the queue, or the schedd does not answer.
    """
    from planner_ext.operations import control

    opened = open_run(submit_dir)
    if nodes:
        _say(control.remove_nodes(opened, nodes), as_json)
        return

    def tell(left: int) -> None:
        if not as_json:
            say(f"{left} jobs are still in the queue" if left else "all jobs have left", err=True)

    _say(control.remove(opened, None if no_wait else limit, tell), as_json)


@click.command()
@_common
@_nodes_option("Hold the jobs")
def hold(submit_dir: Path, as_json: bool, nodes: tuple[str, ...]) -> None:
    """Hold all DAGMans of a run; running jobs go on.

    With --node, the jobs of that node are held, and nothing else.

    \b
    Example:
      bridle hold ~/runs/mosaic/run0001
      bridle release ~/runs/mosaic/run0001
      bridle hold --node project_ID07 ~/runs/mosaic/run0001

    \b
    Exit codes: 0 held; 2 no DAGMan of it is in the queue, or the schedd refuses.
    """
    from planner_ext.operations import control

    opened = open_run(submit_dir)
    _say(control.hold_nodes(opened, nodes) if nodes else control.hold(opened), as_json)


@click.command()
@_common
@_nodes_option("Release the jobs")
@click.option("--jobs", is_flag=True, help="Release all jobs of the run that are held, too, at any depth.")
def release(submit_dir: Path, as_json: bool, nodes: tuple[str, ...], jobs: bool) -> None:
    """Release all DAGMans of a run.

    They start at once: HTCondor 25 lets a DAGMan that was held wait for 300 s, which is ended, too, also where
    nothing is held.

    \b
    Example:
      bridle release ~/runs/mosaic/run0001
      bridle release --jobs ~/runs/mosaic/run0001
      bridle release --node below/fit diamond.dag

    \b
    Exit codes: 0 released; 2 no DAGMan of it is in the queue, or the schedd refuses.
    """
    from planner_ext.operations import control

    opened = open_run(submit_dir)
    _say(control.release_nodes(opened, nodes) if nodes else control.release(opened, jobs=jobs), as_json)


@click.command()
@_common
def halt(submit_dir: Path, as_json: bool) -> None:
    """Let a run submit no more jobs; running jobs go on.

    Its sub-workflows, too. When the last of them has left, DAGMan ends with a rescue DAG, and `bridle run` goes on
    from there.

    \b
    Example:
      bridle halt ~/runs/mosaic/run0001
      bridle resume ~/runs/mosaic/run0001

    \b
    Exit codes: 0 halted; 2 no DAGMan of it is in the queue.
    """
    from planner_ext.operations import control

    _say(control.halt(open_run(submit_dir)), as_json)


@click.command()
@_common
def resume(submit_dir: Path, as_json: bool) -> None:
    """Let a halted run go on.

    The halt files of all its DAGMans are removed.

    \b
    Example:
      bridle resume ~/runs/mosaic/run0001

    \b
    Exit codes: 0 no halt file is left; 2 there is no such run.
    """
    from planner_ext.operations import control

    _say(control.resume_run(open_run(submit_dir)), as_json)
