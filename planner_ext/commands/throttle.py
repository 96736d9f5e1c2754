"""`bridle throttle`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.policy_file import UNLIMITED
from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json, submit_dir_argument
from monitord_job.cli.common import run_of

if TYPE_CHECKING:
    from planner_ext.operations.throttle import Throttles

_LEAST = click.IntRange(min=0)


@click.command()
@submit_dir_argument
@click.option("--nodes", type=_LEAST, help="Nodes that are submitted at once.")
@click.option("--idle", type=_LEAST, help="Jobs that wait in the queue before DAGMan submits no more.")
@click.option("--pre", type=_LEAST, help="PRE scripts at once.")
@click.option("--post", type=_LEAST, help="POST scripts at once.")
@click.option("--hold", type=_LEAST, help="HOLD scripts at once.")
@click.option("--submits", type=_LEAST, help="Submissions in one cycle of DAGMan's.")
@json_option
def throttle(submit_dir: Path, as_json: bool, **wanted: int | None) -> None:
    """Show or change the throttles of a running DAGMan.

    They are for all its nodes together, take effect at once (a DAGMan of 23 looks for them every
    DAGMAN_QUEUE_UPDATE_INTERVAL, 300 s) and end with this DAGMan. 0 is no limit. Limits of categories: `bridle
    categories`.

    \b
    Example:
      bridle throttle run0001
      bridle throttle run0001 --nodes 50 --idle 20

    \b
    Exit codes: 0 shown, or changed; 1 DAGMan did not take them; 2 no such directory, or no DAGMan runs it.
    """
    from planner_ext.operations.throttle import set_throttles, show_throttles

    opened = run_of(submit_dir)
    limits = {word: number for word, number in wanted.items() if number is not None}
    dagman = set_throttles(opened, limits) if limits else show_throttles(opened)
    if as_json:
        print_json(asdict(dagman))
    else:
        for line in throttle_lines(dagman):
            say(line)


def throttle_lines(dagman: Throttles) -> Iterator[str]:
    """The throttles, for people.

    >>> from planner_ext.operations.throttle import Throttles
    >>> list(throttle_lines(Throttles("7.0", {"nodes": 0, "idle": 20}, "25.14.1", "shown")))
    ['DAGMan job 7.0 (HTCondor 25.14.1)', 'nodes  unlimited', 'idle   20']
    """
    yield f"DAGMan job {dagman.job} (HTCondor {dagman.version})"
    width = max((len(word) for word in dagman.throttles), default=0)
    for word, number in dagman.throttles.items():
        yield f"{word:{width}}  {number or UNLIMITED}"
    if dagman.within_seconds:
        yield f"DAGMan {dagman.version} looks for changes every {dagman.within_seconds} s"
