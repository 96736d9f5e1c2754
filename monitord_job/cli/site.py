"""`bridle site`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import dry_run_option, json_option, print_json
from monitord_job.cli.common import age, properties_options

if TYPE_CHECKING:
    from monitord_job.pruning.prune import Tell


@click.group()
def site() -> None:
    """Look after the database of a site, which many runs share.

    \b
    Example:
      bridle site prune --url postgresql://admin@db/stampede --older-than 90d --dry-run

    \b
    Exit codes: 0 done; 1 the database refuses; 2 wrong usage, or it cannot be read; 75 it was busy or away: try again.
    """


@site.command()
@click.option("--url", help="The database; --conf and -D may name it, too.")
@click.option(
    "--older-than",
    "before",
    callback=age,
    required=True,
    metavar="AGE",
    help="Runs in which nothing has happened for so long (12h, 90d, 8w), or since a day (2026-11-30).",
)
@click.option("--keep-failed", is_flag=True, help="Take out only runs that succeeded.")
@click.option(
    "--unnamed-files",
    is_flag=True,
    help="Also sizes and checksums of files that no task names and that have no place, of any run.",
)
@properties_options
@dry_run_option
@json_option
def prune(
    url: str | None, *, before: float, keep_failed: bool, unnamed_files: bool, dry_run: bool, as_json: bool
) -> None:
    """Take old runs out of a database that many runs share.

    Runs that have ended go, with their sub-workflows: jobs, tasks, attempts, records, notifications, metrics, and files
    that no other run names and that have no place in a replica catalog. A run stays that has not ended, whose monitor
    is at work, or of which a notification or an event is still to be delivered; runs of pegasus-monitord stay. Submit
    directories are left alone: a command that is asked about a pruned run reads its logs again, and sends no message
    twice.

    It works beside monitors: a run is taken out of sight in one transaction, then its rows go in small ones. Cut off at
    any moment, it goes on where it was when it is started again. The first prune makes the indexes that the references
    between the tables lack.

    \b
    Example:
      bridle site prune --url postgresql://admin@db/stampede --older-than 90d --dry-run
      bridle site prune --url postgresql://admin@db/stampede --older-than 90d --keep-failed
      bridle site prune --conf site.properties --older-than 2026-01-01 --json | jq .rows

    \b
    Exit codes:
      0   done, also if there was nothing to take out
      1   the database refuses what was asked for, or the URL names none
      2   wrong usage, or the database cannot be read
      75  the database was busy or away for a minute: start it again, it goes on
    """
    from pathlib import Path

    from monitord_job.database.dialect import dialect_of
    from monitord_job.database.properties import given_url
    from monitord_job.database.url import parse_url
    from monitord_job.pruning.prune import Wish, look
    from monitord_job.pruning.prune import prune as take_out
    from monitord_job.pruning.views import as_mapping, lines

    named = given_url()
    url = named[1] if url is None and named is not None else url
    if url is None:
        raise click.UsageError("which database? --url names it, or properties by --conf or -D")
    wish = Wish(url, before, keep_failed, unnamed_files)
    if dry_run:
        pruned = look(wish)
    else:
        with _shown(quiet=as_json) as tell:
            pruned = take_out(wish, tell)
    if as_json:
        print_json(as_mapping(pruned, before, dry_run=dry_run))
        return
    if pruned.silence and pruned.verdicts:
        say(f"bridle: {pruned.silence}; whether a run is live was told by its files and rows", err=True)
    room_hint = dialect_of(parse_url("--url", url, Path.cwd())).room_hint
    for line in lines(pruned, room_hint, dry_run=dry_run):
        say(line)


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Tell]:
    """A line that counts what is deleted, where standard error is a terminal."""
    from condor_templates.printable_console import PrintableConsole

    console = PrintableConsole(stderr=True, quiet=quiet)
    if quiet or not console.is_terminal:
        yield lambda _name, _rows: None
        return
    total = 0
    with console.status("looking") as status:

        def tell(name: str, rows: int) -> None:
            nonlocal total
            total += rows
            status.update(f"{name}: {total:,} rows deleted")

        yield tell
