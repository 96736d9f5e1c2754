"""`bridle rewrite`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.monitor_policy import Universe
from condor_templates.policy import MonitorKind
from condor_templates.terminal import put_out, say
from dag_rewriter.cli.common import (
    as_owner_option,
    dry_run_option,
    force_option,
    json_option,
    print_json,
    submit_dir_argument,
)
from dag_rewriter.directory.liveness import refuse_beside_others
from dag_rewriter.directory.locate import open_target
from dag_rewriter.rewriting.passes import ALL, PASSES

if TYPE_CHECKING:
    from dag_rewriter.rewriting.rewrite_report import Report

_PASS = click.Choice(list(PASSES))


@click.command()
@submit_dir_argument
@as_owner_option
@click.option("--diff", "show_diff", is_flag=True, help="Print the changes as a unified diff; write nothing.")
@dry_run_option
@click.option("--undo", "take_back", is_flag=True, help="Take everything back that a rewrite added.")
@click.option(
    "--as",
    "kind",
    type=click.Choice([kind.value for kind in MonitorKind]),
    help="What the monitor is to DAGMan. service (default): DAGMan never waits for it. job: the DAG ends when "
    "the database is complete.",
)
@click.option(
    "--universe",
    type=click.Choice([universe.value for universe in Universe]),
    help="Of HTCondor, in which the monitor runs. [default: what the policy files say, else local]",
)
@click.option("--only", multiple=True, type=_PASS, help="Add this and nothing else; may be repeated.")
@click.option("--skip", multiple=True, type=_PASS, help="Leave this out; may be repeated.")
@force_option
@json_option
def rewrite(
    submit_dir: Path,
    show_diff: bool,
    dry_run: bool,
    take_back: bool,
    kind: str | None,
    universe: str | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Make the monitor one of the jobs of a planned DAG.

    SUBMIT_DIR is what pegasus-plan wrote, or a DAG that nobody planned (X.dag). The DAG is changed in place: a
    node for the monitor, a JOBSTATE_LOG, a DAGMan configuration, and categories for nodes that have none, all
    in one marked block at its end. The planner's DAG is kept beside it. A DAG in which `bridle check` finds an error is
    left as it is. To rewrite twice changes nothing; --as, --universe, --only and --skip are remembered until --undo.

    \b
    Example:
      bridle rewrite --diff runs/mosaic/run0001
      bridle rewrite --as job --skip categories runs/mosaic/run0001
      bridle rewrite --undo runs/mosaic/run0001
      bridle rewrite diamond.dag

    Exit codes: 0 done, or nothing to do; 2 the directory or its DAG cannot be used, nothing was changed.
    """
    from dag_rewriter.rewriting.rewrite import Options, undo
    from dag_rewriter.rewriting.rewrite import rewrite as rewrite_dag

    chosen = _passes(only, skip)
    if take_back and (kind or universe or chosen is not None):
        raise click.UsageError("--undo takes everything back: leave --as, --universe, --only and --skip out")
    opened = open_target(submit_dir)
    quiet = dry_run or show_diff
    if not quiet:
        refuse_beside_others(opened)
    if take_back:
        report = undo(opened, dry_run=quiet)
    else:
        monitor = None if kind is None else MonitorKind(kind)
        where = None if universe is None else Universe(universe)
        options = Options(kind=monitor, universe=where, passes=chosen, dry_run=quiet, force=force)
        report = rewrite_dag(opened, options)
    _print(report, show_diff, as_json)


def _print(report: Report, show_diff: bool, as_json: bool) -> None:
    if as_json:
        shown = report.as_json() | ({"diff": report.diff()} if show_diff else {})
        print_json(shown)
    elif show_diff:
        put_out(report.diff())
    else:
        for line in report.lines():
            say(line)


def _passes(only: tuple[str, ...], skip: tuple[str, ...]) -> frozenset[str] | None:
    """The chosen passes; None if nothing was said."""
    if only and skip:
        raise click.UsageError("--only and --skip exclude each other")
    if only:
        return frozenset(only)
    return ALL - set(skip) if skip else None
