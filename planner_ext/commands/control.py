"""`bridle remove`, `hold`, `release`, `halt` and `resume` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from dag_rewriter.directory.locate import open_target
from monitord_job.monitor.unplanned_identity import identified
from planner_ext.operations import control
from planner_ext.operations.control import Done

F = TypeVar("F", bound=Callable[..., object])
REMOVE_LIMIT = 600.0


def _common(command: F) -> F:
    """The argument and the option that all of them have."""
    json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
    argument = click.argument("submit_dir", type=click.Path(path_type=Path, readable=False))
    return argument(json_option(command))


def _say(done: Done, as_json: bool) -> None:
    click.echo(json.dumps({"verb": done.verb, "to": list(done.to)}) if as_json else str(done))


@click.command()
@_common
@click.option("--no-wait", is_flag=True, help="Do not stay until all jobs have left.")
@click.option(
    "--limit", default=REMOVE_LIMIT, show_default=True, help="Seconds to wait for the last job to leave."
)
def remove(submit_dir: Path, as_json: bool, no_wait: bool, limit: float) -> None:
    """Remove a run from the queue, sub-workflows and all, and store how its jobs ended.

    DAGMan leaves at once, its jobs some time later: it waits for them, so that the database has the true end of each.
    `bridle run` goes on where it was.

    \b
    Example:
      bridle remove ~/runs/mosaic/run0001
      bridle remove --no-wait diamond.dag

    \b
    Exit codes: 0 removed, and stored to the end (not with --no-wait); 1 jobs were still there after --limit seconds;
    2 nothing of it is in the queue, or the schedd does not answer.
    """
    opened = identified(open_target(submit_dir))

    def tell(left: int) -> None:
        if not as_json:
            click.echo(f"{left} jobs are still in the queue" if left else "all jobs have left", err=True)

    _say(control.remove(opened, None if no_wait else limit, tell), as_json)


@click.command()
@_common
def hold(submit_dir: Path, as_json: bool) -> None:
    """Put all DAGMans of a run on hold; the jobs that run go on.

    \b
    Example:
      bridle hold ~/runs/mosaic/run0001
      bridle release ~/runs/mosaic/run0001

    \b
    Exit codes: 0 held; 2 no DAGMan of it is in the queue, or the schedd refuses.
    """
    _say(control.hold(identified(open_target(submit_dir))), as_json)


@click.command()
@_common
def release(submit_dir: Path, as_json: bool) -> None:
    """Take all DAGMans of a run off hold, and let them start at once.

    HTCondor 25 lets a DAGMan that was held wait for 300 s; that is ended, too, also where nothing is held.

    \b
    Example:
      bridle release ~/runs/mosaic/run0001

    \b
    Exit codes: 0 released; 2 no DAGMan of it is in the queue, or the schedd refuses.
    """
    _say(control.release(identified(open_target(submit_dir))), as_json)


@click.command()
@_common
def halt(submit_dir: Path, as_json: bool) -> None:
    """Let a run submit nothing more, sub-workflows included; the jobs that run go on.

    When the last of them has left, DAGMan ends with a rescue DAG, and `bridle run` goes on from there.

    \b
    Example:
      bridle halt ~/runs/mosaic/run0001
      bridle resume ~/runs/mosaic/run0001

    \b
    Exit codes: 0 halted; 2 no DAGMan of it is in the queue.
    """
    _say(control.halt(identified(open_target(submit_dir))), as_json)


@click.command()
@_common
def resume(submit_dir: Path, as_json: bool) -> None:
    """Let a halted run go on: the halt files of all its DAGMans are taken away.

    \b
    Example:
      bridle resume ~/runs/mosaic/run0001

    \b
    Exit codes: 0 no halt file is left; 2 there is no such run.
    """
    _say(control.resume_run(identified(open_target(submit_dir))), as_json)
