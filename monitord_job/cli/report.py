"""`bridle report`."""

from __future__ import annotations

from pathlib import Path

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import RUN
from monitord_job.cli.common import as_it_stands_option, open_run, properties_options, url_option


@click.command(
    epilog="""\b
Example:
  bridle report run0001 -o mosaic.html
  bridle report run0001 --text
\b
Exit codes:
  0  the report was written, whatever the state of the run is
  2  there is no such run, its database cannot be read, or the file cannot be written
"""
)
@click.argument("run", metavar="[RUN]", type=RUN, default=".")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it is written; without it, report.html (with --text: standard output).",
)
@click.option("--text", "as_text", is_flag=True, help="The same as text.")
@as_it_stands_option("-i")
@properties_options
@url_option
def report(run: Path, *, output: Path | None, as_text: bool, as_it_stands: bool, url: str | None) -> None:
    """Make one HTML file of a run: what failed and why, a Gantt chart, hosts, resources, every job.

    RUN is a submit directory or a DAG, by default the current directory. The file loads nothing from elsewhere, and
    shows itself in any browser. If no monitor is alive, what the logs hold beyond the database is stored first.
    """
    import time
    from importlib.metadata import version

    from dag_rewriter import files
    from monitord_job.report.collect import read_data
    from monitord_job.report.page import page
    from monitord_job.report.text_view import text

    data = read_data(open_run(run), url, as_it_stands=as_it_stands)
    if as_text and output is None:
        say("\n".join(text(data)))
        return
    pieces = (
        (f"{line}\n" for line in text(data))
        if as_text
        else page(data, time.time(), version("pegasus-bridle"))
    )
    path = output or Path("report.html")
    files.replace_by(path.absolute(), (piece.encode("utf-8", "replace") for piece in pieces))
    say(f"{path}: {data.title}, {data.state}, {len(data.attempts)} attempts")
