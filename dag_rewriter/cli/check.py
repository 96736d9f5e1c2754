"""`bridle check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import RUN, json_option, print_json
from dag_rewriter.language.text import show_bytes

if TYPE_CHECKING:
    from dag_rewriter.check.check_dag import Checked
    from dag_rewriter.check.check_disk import Progress
    from dag_rewriter.check.scope import Finding

_SHOWN = 100
_LONG = 20_000_000  # bytes: about a second


@click.command()
@click.argument("path", metavar="[X.dag|SUBMIT_DIR]", type=RUN, default=".", required=False)
@json_option
def check(path: Path, as_json: bool) -> int:
    """Say what DAGMan would refuse in a DAG.

    Every line that condor_dagman 25.14 would refuse is named with its file: also what condor_dag_checker does
    not see, like RETRY on a FINAL or SERVICE node. Splices, includes and sub-workflows are looked into. A
    cycle is printed with its nodes; a submit file that is not there is an error, unless a PRE script may make it.

    \b
    Example:
      bridle check x.dag
      bridle check --json runs/mosaic/run0001

    Exit codes: 0 DAGMan takes it (there may be warnings); 1 it would be refused, or could not succeed; 2 it cannot
    be read.
    """
    from dag_rewriter.check.check_disk import check_path, find_dag
    from dag_rewriter.check.scope import Severity

    dag = find_dag(path)
    with _bar(dag) as progress:
        checked = check_path(dag, progress)
    bad = sum(finding.severity is Severity.ERROR for finding in checked.findings)
    if as_json:
        print_json(_as_json(dag, checked, bad))
    else:
        for finding in checked.findings[:_SHOWN]:
            say(str(finding))
        if len(checked.findings) > _SHOWN:
            say(f"... and {len(checked.findings) - _SHOWN} more; --json prints all")
        say(f"{dag}: {_summary(checked, bad)}")
    return 1 if bad else 0


def _summary(checked: Checked, bad: int) -> str:
    warnings = len(checked.findings) - bad
    size = f"{checked.nodes} nodes, {checked.edges} edges"
    verdict = f"{bad} errors" if bad else "good"
    return f"{verdict}, {warnings} warnings; {size}" if warnings else f"{verdict}; {size}"


def _as_json(dag: Path, checked: Checked, bad: int) -> dict[str, Any]:
    return {
        "dag": show_bytes(str(dag)),
        "good": not bad,
        "nodes": checked.nodes,
        "edges": checked.edges,
        "findings": [_finding(finding) for finding in checked.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "file": show_bytes(finding.file),
        "line": finding.line or None,
        "severity": finding.severity.value,
        "what": show_bytes(finding.what),
        "hint": show_bytes(finding.hint),
    }


@contextmanager
def _bar(dag: Path) -> Iterator[Progress]:
    """A bar on the terminal while a long DAG is read."""
    if not sys.stderr.isatty() or not dag.is_file() or dag.stat().st_size < _LONG:
        yield lambda _done, _total: None
        return
    from rich.markup import escape
    from rich.progress import Progress as Bar

    from condor_templates.printable_console import PrintableConsole

    with Bar(console=PrintableConsole(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(f"reading {dag.name}"))
        yield lambda done, total: bar.update(task, completed=done, total=total)
