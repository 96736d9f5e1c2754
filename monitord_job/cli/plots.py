"""`bridle plots`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import RUN
from monitord_job.cli.as_in_pegasus import quiet_option, refused_option, verbose_option
from monitord_job.cli.common import as_it_stands_option, open_run, properties_options_in_short, url_option
from monitord_job.errors import MonitorError

_NAMES = ("dag", "dax", "gantt", "hosts", "time", "breakdown", "states", "attempts")
_LEVELS = {
    "dax_graph": ("dax",),
    "dag_graph": ("dag",),
    "gantt_chart": ("gantt",),
    "host_chart": ("hosts",),
    "time_chart": ("time",),
    "breakdown_chart": ("breakdown",),
    "all_graphs": ("dax", "dag"),
    "all_charts": ("gantt", "hosts", "time", "breakdown"),
    "all": _NAMES,
}
"""What pegasus-plots calls them."""


def _levels(_ctx: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    asked = [word.strip().lower() for word in text.split(",") if word.strip()]
    unknown = sorted(set(asked) - set(_LEVELS))
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)} is none of {', '.join(_LEVELS)}")
    return tuple(dict.fromkeys(name for word in asked for name in _LEVELS[word]))


@click.command(
    epilog="""\b
Example:
  bridle plots run0001 -o pictures
  bridle plots run0001 -o pictures --only gantt --only hosts --form svg
\b
Exit codes:
  0  the pictures were written
  2  there is no such run, its database cannot be read, a file cannot be written, or matplotlib is not installed
"""
)
@click.argument("run", metavar="[RUN]", type=RUN, default=".")
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("plots"),
    show_default=True,
    help="Where they are written.",
)
@click.option(
    "--only", "names", multiple=True, type=click.Choice(_NAMES), help="This picture; may be repeated."
)
@click.option(
    "--form",
    "forms",
    multiple=True,
    type=click.Choice(["png", "svg"]),
    help="In this form; by default in both.",
)
@click.option(
    "-p",
    "--plotting-level",
    "levels",
    metavar="LEVEL[,...]",
    default="",
    callback=_levels,
    help=f"These pictures, by the names of pegasus-plots: {', '.join(_LEVELS)}.",
)
@refused_option("-m", "--max-graph-nodes", value="N", instead="graphs of any size are drawn")
@as_it_stands_option("-i")
@verbose_option
@quiet_option
@properties_options_in_short
@url_option
def plots(
    run: Path,
    *,
    folder: Path,
    names: tuple[str, ...],
    levels: tuple[str, ...],
    forms: tuple[str, ...],
    as_it_stands: bool,
    url: str | None,
) -> None:
    """Draw a run: graphs, Gantt chart, hosts, time, transformations, states, attempts.

    RUN is a submit directory or a DAG, by default the current directory. Large runs are drawn so that one still sees
    something: graphs by transformation, charts in points. It needs matplotlib: pip install 'pegasus-bridle[plots]'.
    """
    if find_spec("matplotlib") is None:
        hint = "say pip install 'pegasus-bridle[plots]', or pip install matplotlib"
        raise MonitorError("bridle plots", "it draws with matplotlib, which is not installed", hint)
    from monitord_job.plots.pictures import draw_all

    wanted, kinds = (*names, *levels) or _NAMES, forms or ("png", "svg")
    drawn = draw_all(
        open_run(run), url, folder.absolute(), names=wanted, forms=kinds, as_it_stands=as_it_stands
    )
    for title, path in drawn:
        say(f"{title:<33}: {path}")
