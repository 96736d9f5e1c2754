"""Which pictures there are of a run, and the files that they go to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.plots.canvas import written
from monitord_job.plots.count_figures import attempts, breakdown
from monitord_job.plots.graph_data import dag_graph, dax_graph
from monitord_job.plots.graph_figure import graph_figure
from monitord_job.plots.time_figures import gantt, hosts, states, time_chart
from monitord_job.report.collect import collect, opened
from monitord_job.report.run_data import RunData
from monitord_job.statistics.queries.questions import Questions
from monitord_job.text.display import one_line

Draw = Callable[[Questions, RunData], Figure]


def _alone(draw: Callable[[RunData], Figure]) -> Draw:
    return lambda _, run: draw(run)


def _dag(questions: Questions, run: RunData) -> Figure:
    return graph_figure(dag_graph(questions, run), f"{one_line(run.title, 60)}: jobs")


def _dax(questions: Questions, run: RunData) -> Figure:
    return graph_figure(dax_graph(questions, run), f"{one_line(run.title, 60)}: tasks")


PICTURES: dict[str, tuple[str, Draw]] = {
    "dag": ("Graph of the jobs", _dag),
    "dax": ("Graph of the tasks", _dax),
    "gantt": ("Gantt chart", _alone(gantt)),
    "hosts": ("Jobs on hosts over time", _alone(hosts)),
    "time": ("Jobs and invocations over time", _alone(time_chart)),
    "breakdown": ("Time of transformations", _alone(breakdown)),
    "states": ("Attempts in each state over time", _alone(states)),
    "attempts": ("Attempts of jobs", _alone(attempts)),
}
"""Name of the files -> what it is, and how it is drawn."""


def draw_all(
    submit_dir: SubmitDir,
    url: str | None,
    folder: Path,
    *,
    names: Collection[str],
    forms: Collection[str],
    as_it_stands: bool,
) -> Iterator[tuple[str, Path]]:
    """Draws and writes one after the other: (what it is, the file). Raises MonitorError, FileError."""
    with opened(submit_dir, url, as_it_stands=as_it_stands) as (questions, standing):
        run = collect(questions, submit_dir, standing)
        files.make_folder(folder)
        for name in (one for one in PICTURES if one in names):
            title, draw = PICTURES[name]
            figure = draw(questions, run)
            for form in forms:
                path = folder / f"{name}.{form}"
                files.replace(path, written(figure, form))
                yield title, path
