"""`bridle condorio`."""

from __future__ import annotations

from pathlib import Path

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import dag_argument, json_option, print_json

_MB = 1e6
_FILE = click.Path(readable=False, path_type=Path)


@click.command()
@dag_argument
@click.option(
    "--category-limit",
    "category_limits",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    default=(10, 50, 100),
    show_default="10, 50 and 100",
    help="Simulate a transfer category of N, and a transfer queue of N; may be repeated.",
)
@click.option(
    "--bandwidth",
    metavar="MB/S",
    type=click.FloatRange(min=0, min_open=True, max=1e9),
    default=125.0,
    show_default="125: 1 Gbit/s",
    help="What the submit host's link carries each way, in million bytes per second.",
)
@click.option(
    "--uploads",
    metavar="N",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="MAX_CONCURRENT_UPLOADS of the schedd: transfers to jobs at a time; 0: no limit.",
)
@click.option(
    "--downloads",
    metavar="N",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="MAX_CONCURRENT_DOWNLOADS of the schedd: transfers from jobs at a time; 0: no limit.",
)
@click.option(
    "--slots",
    metavar="N",
    type=click.IntRange(min=0),
    help="Slots of the pool, 0: no limit; by default as many as jobs were seen to run side by side.",
)
@click.option(
    "--run-time",
    metavar="SECONDS",
    type=click.FloatRange(min=0, max=1e9),
    default=60.0,
    show_default=True,
    help="Of jobs that neither the log nor the planner tells one of.",
)
@click.option("--catalog", metavar="FILE", type=_FILE, help="The replica catalog; else the planner's.")
@click.option(
    "--if-needed",
    is_flag=True,
    help="Count jobs with should_transfer_files = IF_NEEDED, as where no file system is shared.",
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many files and jobs are named.",
)
@json_option
def condorio(
    target: Path,
    *,
    category_limits: tuple[int, ...],
    bandwidth: float,
    uploads: int,
    downloads: int,
    slots: int | None,
    run_time: float,
    catalog: Path | None,
    if_needed: bool,
    top: int,
    as_json: bool,
) -> None:
    """Tell what HTCondor's file transfer moves through the submit host.

    How many bytes go to and from each job, per transformation and in all: as the event log says of jobs that have
    run, by the sizes of their files for all others. Then the run is simulated with today's limits, with a category
    that holds all jobs that move files, with a shorter transfer queue, with a staging site. What nobody knows is
    counted, not guessed.

    \b
    Example:
      bridle condorio runs/mosaic/run0001
      bridle condorio --category-limit 20 --bandwidth 1250 --slots 2000 runs/mosaic/run0001
      bridle condorio --json runs/mosaic/run0001 | jq '.simulation.runs[] | {change, limit, seconds}'

    Exit codes: 0 done; 2 the directory, its DAG, or the replica catalog cannot be used.
    """
    from dag_rewriter.directory.locate import open_target
    from planner_ext.condorio.collect import Asked, collect

    asked = Asked(catalog, category_limits, bandwidth * _MB, uploads, downloads, slots, run_time, if_needed)
    found = collect(open_target(target), asked)
    if as_json:
        from planner_ext.condorio.document import document

        print_json(document(found, top))
        return
    from planner_ext.condorio.text_view import screen

    for line in screen(found, top):
        say(line)
