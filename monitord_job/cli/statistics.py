"""`bridle statistics`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import RUN, json_option, wants_json
from monitord_job.cli.as_in_pegasus import quiet_option, verbose_option
from monitord_job.cli.common import any_database_options, as_it_stands_option, here, open_run

if TYPE_CHECKING:
    from dag_rewriter.directory.submit_dir import SubmitDir
    from monitord_job.statistics.model.figures import Level, Statistics
    from monitord_job.statistics.runs import Target
    from monitord_job.statistics.views.against import Compared
    from monitord_job.statistics.views.statistics_files import Contents

LOG = logging.getLogger("bridle.statistics")
_ALL = ("summary", "wf_stats", "jb_stats", "tf_stats", "ti_stats", "int_stats")
"""what pegasus-statistics has"""
_LEVELS = (*_ALL, "use_stats", "path_stats")


def _form(ctx: click.Context, option: click.Parameter, word: str) -> str:
    wants_json(ctx, option, word == "json")
    return word


def _levels(_ctx: click.Context, _option: click.Parameter, text: str) -> frozenset[str]:
    asked = {word.strip().lower() for word in text.split(",") if word.strip()}
    unknown = sorted(asked - {"all", *_LEVELS})
    if unknown or not asked:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'} is none of all, {', '.join(_LEVELS)}")
    return frozenset(asked - {"all"}).union(_ALL if "all" in asked else ())


@click.command(
    epilog="""\b
Example:
  bridle statistics run0001
  bridle statistics -s all -t hour -o stats run0001
  bridle statistics -s all -f csv -m -o stats run0001 run0002
  bridle statistics --against run0001 run0002
  bridle statistics -f json run0001 | jq .summary.jobs
  bridle statistics -u --url postgresql://me@db/stampede 6cbab9b4-4d29-4f4f-9e0c-3e1c1a2f0c55
\b
Exit codes:
  0  the statistics were shown, and written where that was asked for
  2  there is no such run, its database cannot be read, or the folder cannot be written
"""
)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=RUN)
@click.option(
    "-s",
    "--statistics-level",
    "levels",
    metavar="LEVEL[,...]",
    default="summary,use_stats,path_stats",
    show_default=True,
    callback=_levels,
    help=f"What of: all (the first six), or some of {', '.join(_LEVELS)}.",
)
@click.option(
    "-f",
    "--file",
    "form",
    type=click.Choice(["text", "csv", "json"], case_sensitive=False),
    default="text",
    is_eager=True,
    callback=_form,
    show_default=True,
    help="How files are written; json: one document on standard output, and no files.",
)
@click.option(
    "-t",
    "--time-filter",
    "per",
    type=click.Choice(["day", "hour"], case_sensitive=False),
    default="day",
    show_default=True,
    help="What a line of ti_stats is, in the time zone here.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where files are written; of one run, by default `statistics` in its directory.",
)
@click.option(
    "-m",
    "--multiple-wf",
    "several",
    is_flag=True,
    help="Several runs together; without RUN, all of the database.",
)
@click.option(
    "-p",
    "--ispmc",
    "uses_pmc",
    is_flag=True,
    help="Clusters are of PMC: a task that succeeded once has succeeded.",
)
@as_it_stands_option("-i")
@click.option(
    "--against", "other", metavar="RUN", type=RUN, help="Show the same figures of another run beside these."
)
@verbose_option
@quiet_option
@json_option
@any_database_options
def statistics(
    runs: tuple[Path, ...],
    *,
    levels: frozenset[str],
    form: str,
    per: str,
    folder: Path | None,
    several: bool,
    by_uuid: bool,
    uses_pmc: bool,
    as_it_stands: bool,
    conf: Path | None,
    other: Path | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Count what runs did: tasks, jobs, retries, seconds, badput.

    RUN is a submit directory or a DAG, by default the current directory. Tables, columns and files are those of
    pegasus-statistics, of any Stampede database; sub-workflows count too. If no monitor is alive, what the logs hold
    beyond the database is stored first. What the figures lack is said in the first line.
    """
    from monitord_job.statistics.model.calendar import Per
    from monitord_job.statistics.model.figures import Level
    from monitord_job.statistics.runs import opened
    from monitord_job.statistics.views.statistics_files import Contents

    places, targets = _targets(runs, url, conf, by_uuid=by_uuid, several=several, as_it_stands=as_it_stands)
    wanted = frozenset(Level(name) for name in levels)
    with opened(targets, wanted, any_attempt=uses_pmc) as stored:
        beside = _beside(other, stored.statistics, wanted, as_it_stands=as_it_stands)
        contents = Contents(stored.statistics, stored.attempts, Per(per.lower()), len(targets) > 1, beside)
        if as_json or form == "json":
            _put_json(contents, wanted)
            return
        _put_screen(contents)
        for title, path in _written(folder, places, contents, form.lower(), wanted):
            say(f"{title:<30}: {path}")


def _beside(
    other: Path | None, ours: Statistics, wanted: frozenset[Level], *, as_it_stands: bool
) -> tuple[Compared, ...]:
    """The figures of the runs beside those of another one, if there is any."""
    from monitord_job.statistics.runs import opened, target_of
    from monitord_job.statistics.views.against import compared

    if other is None:
        return ()
    target = target_of(open_run(other), None, as_it_stands=as_it_stands)
    with opened([target], wanted, any_attempt=False) as there:
        return tuple(compared(ours, there.statistics))


def _targets(
    runs: Sequence[Path],
    url: str | None,
    conf: Path | None,
    *,
    by_uuid: bool,
    several: bool,
    as_it_stands: bool,
) -> tuple[list[SubmitDir], list[Target]]:
    """The directories that were named, and the runs; UsageError if there is none or more than were to be."""
    from monitord_job.statistics.runs import Target, all_runs, named_database, target_of, warn_of_unread

    if len(runs) > 1 and not several:
        raise click.UsageError("several runs are counted together with -m")
    named = named_database(url, conf)
    if by_uuid or (several and not runs):
        if named is None:
            raise click.UsageError("which database? name it with --url or --conf")
        if by_uuid and not runs:
            raise click.UsageError("which run? name its wf_uuid")
        return [], [Target(str(uuid), named) for uuid in runs] or all_runs(named)
    submit_dirs = [open_run(path) for path in runs or (here(),)]
    asked = None if named is None else named.url.render_as_string(hide_password=False)
    targets = [target_of(one, asked, as_it_stands=as_it_stands) for one in submit_dirs]
    for submit_dir, target in zip(submit_dirs, targets, strict=True):
        warn_of_unread(submit_dir, target)
    return submit_dirs, targets


def _own_folder(places: Sequence[SubmitDir]) -> Path | None:
    """Where the files of one run go if nobody said: into its directory, if that is the caller's own."""
    from dag_rewriter.directory.ownership import other_owner

    if len(places) != 1 or other_owner(places[0].path) is not None:
        return None
    return places[0].statistics


def _put_json(contents: Contents, wanted: frozenset[Level]) -> None:
    from monitord_job.statistics.views.json_document import against, document

    more = {"against": against(contents.against)} if contents.against else {}
    for piece in document(contents.statistics, wanted, contents.per, contents.attempts, more):
        say(piece, newline=False)
    say("")


def _put_screen(contents: Contents) -> None:
    from monitord_job.statistics.views.against import against_table
    from monitord_job.statistics.views.screen import screen
    from monitord_job.statistics.views.text_files import tables

    for piece in screen(contents.statistics, several=contents.several):
        say(piece, newline=False)
    if contents.against:
        say("".join(tables([against_table(contents.against)], "")))


def _written(
    folder: Path | None, places: Sequence[SubmitDir], contents: Contents, form: str, wanted: frozenset[Level]
) -> list[tuple[str, Path]]:
    """Write the files, and say which. Where nobody said where to and nothing can be written, none is."""
    from dag_rewriter.errors import FileError
    from monitord_job.statistics.views.statistics_files import Form, write_files

    where = folder or _own_folder(places)
    if where is None:
        return []
    try:
        return write_files(where, Form(form), wanted, contents)
    except FileError as error:
        if folder is not None:
            raise
        LOG.warning("no files were written (-o names another place): %s", error)
        return []
