"""`bridle metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import dag_argument, json_option, print_json
from dag_rewriter.directory.locate import open_target
from dag_rewriter.metrics.dag_metrics import DagMetrics
from dag_rewriter.metrics.metrics_files import Metrics, measure, write_metrics


@click.command()
@dag_argument
@click.option(
    "--write", is_flag=True, help="Write X.bridle.metrics, and X.metrics if the planner wrote none."
)
@json_option
def metrics(target: Path, write: bool, as_json: bool) -> None:
    """Count the nodes of a DAG by class, category, universe and level.

    Counted from the DAG as it is now, with splices and includes; bridle's own monitor is not counted. The critical
    path's length in nodes is the number of levels, the width the most nodes on one level. JSON has the planner's
    keys, and bridle's own below `bridle`.

    \b
    Example:
      bridle metrics runs/mosaic/run0001
      bridle metrics --json runs/mosaic/run0001 | jq .bridle.width

    Exit codes: 0 done; 2 the directory or its DAG cannot be used.
    """
    submit_dir = open_target(target)
    counted = write_metrics(submit_dir) if write else measure(submit_dir)
    if as_json:
        print_json(counted.as_json())
        return
    for line in _lines(counted):
        say(line)


def _lines(counted: Metrics) -> Iterator[str]:
    dag = counted.dag
    yield f"{dag.nodes} nodes, {dag.edges} edges, {_shape(dag)}"
    parts = (f"{dag.sub_workflows} sub-workflows", f"{dag.splices} splices")
    yield ", ".join(parts)
    for title, counts in (
        ("job class", dag.job_classes),
        ("category", dag.categories),
        ("universe", dag.universes),
        ("kind", dag.kinds),
    ):
        yield f"{title}: {_counts(counts)}"
    if dag.levels:
        yield f"nodes on each level: {_run_lengths(dag.levels)}"
    yield "X.metrics: " + ("the planner's" if counted.by_planner else "none from the planner")


def _shape(dag: DagMetrics) -> str:
    if dag.levels is None:
        return "with a cycle: DAGMan will refuse it"
    return f"critical path {dag.height} nodes, at most {dag.width} nodes side by side"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"


def _run_lengths(levels: tuple[int, ...]) -> str:
    """Equal neighbours are told once.

    >>> _run_lengths((1, 5, 1, 1, 1, 2))
    '1, 5, 1 (x3), 2'
    """
    runs: list[tuple[int, int]] = []
    for size in levels:
        if runs and runs[-1][0] == size:
            runs[-1] = (size, runs[-1][1] + 1)
        else:
            runs.append((size, 1))
    return ", ".join(str(size) if times == 1 else f"{size} (x{times})" for size, times in runs)
