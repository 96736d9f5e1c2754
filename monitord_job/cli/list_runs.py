"""`bridle list`."""

from __future__ import annotations

from pathlib import Path

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json
from monitord_job.cli.common import age, properties_options


@click.command(
    "list",
    epilog="""\b
Example:
  bridle list
  bridle list --state live
  bridle list --state failed --newer 7d
  bridle list --all-users
  bridle list ~/runs
  bridle list --url postgresql://me@db/stampede --json | jq '.runs[].name'
\b
Exit codes:
  0  the runs were shown, also if there are none
  2  there is no such folder, or the database cannot be read
""",
)
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--all-users", is_flag=True, help="Also the runs of others in the queue of this access point.")
@click.option(
    "--state",
    "states",
    metavar="WORD",
    multiple=True,
    help="Only those in this state (a word of the second column), or `live`, or `ended`. May be repeated.",
)
@click.option(
    "--newer",
    callback=age,
    metavar="AGE",
    help="Only those begun since: 90m, 12h, 7d, or a day (2026-11-30).",
)
@properties_options
@click.option("--url", help="The runs of this database instead; --conf and -D may name it, too.")
@json_option
def list_runs(
    folder: Path | None,
    *,
    all_users: bool,
    states: tuple[str, ...],
    newer: float | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Show your runs, the newest first: how each stands, and where it is.

    Those that bridle submitted or watches over, and those in the queue; with FOLDER, those below it. They are shown as
    their databases have them: `bridle status` of one stores first what its logs hold beyond that. A run's name, the
    beginning of its wf_uuid, or the cluster id of its DAGMan job stands for the run in every command.
    """
    from monitord_job.database.properties import given_url
    from monitord_job.runs.list_view import as_mapping, lines
    from monitord_job.runs.listing import Wanted, chosen
    from monitord_job.runs.listing import list_runs as find

    named = given_url()
    url = named[1] if url is None and named is not None else url
    if url is not None and (folder is not None or all_users):
        raise click.UsageError("--url shows the runs of a database: leave FOLDER and --all-users out")
    _require_words(states)
    listing = find(Wanted(all_users, folder, url))
    runs = chosen(listing.runs, states, newer)
    if as_json:
        print_json(as_mapping(listing, runs))
        return
    if listing.silence:
        say(f"bridle: {listing.silence}; runs are shown as they were stored", err=True)
    if not runs:
        say("no runs")
        return
    for line in lines(runs, with_user=all_users or url is not None):
        say(line)


def _require_words(states: tuple[str, ...]) -> None:
    from monitord_job.diagnosis.run_states import Condition
    from monitord_job.runs.run_condition import word_of

    words = ["live", "ended", *(word_of(condition) for condition in Condition)]
    for state in states:
        if state not in words:
            raise click.BadParameter(f"{state!r} is none of {', '.join(words)}", param_hint="--state")
