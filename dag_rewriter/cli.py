"""`bridle rewrite`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dag_rewriter.rewrite import Options, undo
from dag_rewriter.rewrite import rewrite as rewrite_dag
from dag_rewriter.submit_dir import open_submit_dir


@click.command()
@click.argument("submit_dir", type=click.Path(readable=False, path_type=Path))
@click.option("--diff", "show_diff", is_flag=True, help="Print the changes as a unified diff; write nothing.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--undo", "take_back", is_flag=True, help="Take everything back that a rewrite added.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def rewrite(submit_dir: Path, show_diff: bool, dry_run: bool, take_back: bool, as_json: bool) -> None:
    """Make the monitor one of the jobs of a planned DAG.

    SUBMIT_DIR is what pegasus-plan wrote. The DAG is changed in place: a SERVICE node for the monitor, a
    JOBSTATE_LOG, a DAGMan configuration, and categories for cleanup and sub-workflow nodes, all in one marked
    block at its end. The planner's DAG is kept beside it. To rewrite twice changes nothing.

    \b
    Example:
      bridle rewrite --diff runs/mosaic/run0001
      bridle rewrite runs/mosaic/run0001
      bridle rewrite --undo runs/mosaic/run0001

    Exit codes: 0 done, or nothing to do; 2 the directory or its DAG cannot be used, nothing was changed.
    """
    opened = open_submit_dir(submit_dir)
    quiet = dry_run or show_diff
    report = undo(opened, dry_run=quiet) if take_back else rewrite_dag(opened, Options(dry_run=quiet))
    if as_json:
        shown = report.as_json() | ({"diff": report.diff()} if show_diff else {})
        click.echo(json.dumps(shown, indent=2))
    elif show_diff:
        # Bytes: a node's name may be no UTF-8.
        click.echo(report.diff().encode("utf-8", "surrogateescape"), nl=False)
    else:
        for line in report.lines():
            click.echo(line.encode("utf-8", "surrogateescape"))
