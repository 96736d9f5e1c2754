"""`bridle notifications`."""

from __future__ import annotations

from pathlib import Path

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import as_owner_option, json_option, print_json, submit_dir_argument
from monitord_job.cli.common import open_run, properties_options, url_option


@click.command(
    epilog="""\b
Example:
  bridle notifications run0001
  bridle notifications run0001 --state delivered
  bridle notifications run0001 --json | jq '.notifications[] | select(.state == "failed").stderr'
  bridle notifications run0001 --resend failed
  bridle notifications run0001 --resend 3f2a91c07b1e
\b
Exit codes:
  0  shown; with --resend: delivered, or left to the running monitor
  1  with --resend: some failed again
  2  there is no such submit directory or key, the database cannot be read, or notifications are switched off
"""
)
@submit_dir_argument
@as_owner_option
@json_option
@click.option(
    "--state",
    "states",
    type=click.Choice(["due", "running", "delivered", "failed"]),
    multiple=True,
    default=("failed", "running", "due"),
    show_default=True,
    help="Which are listed. May be repeated.",
)
@click.option(
    "--resend",
    "wanted",
    metavar="KEY|failed",
    multiple=True,
    help="Deliver it again (the beginning of its key is enough), or all that failed. May be repeated.",
)
@properties_options
@url_option
def notifications(
    submit_dir: Path, *, as_json: bool, states: tuple[str, ...], wanted: tuple[str, ...], url: str | None
) -> int:
    """List the notifications of a run, or deliver some again.

    JSON has all of them, with what the scripts wrote. If no monitor is alive, what the logs hold beyond the database
    is stored first, and --resend delivers by itself.
    """
    from monitord_job.notifications.outbox_values import DeliveryState
    from monitord_job.readers import notification_list as outbox

    found = open_run(submit_dir)
    resent = outbox.resend(found, wanted, url) if wanted else None
    entries = resent.found if resent else outbox.read_outbox(found, url)
    refused = outbox.not_run(found, entries)
    if as_json:
        shown = outbox.as_json(entries, refused)
        print_json(shown | {"delivered_by": outbox.who_delivers(found, entries, refused)})
        return int(resent is not None and resent.failed)
    for line in outbox.lines(entries, [DeliveryState(state) for state in states], refused):
        say(line)
    deliverer = outbox.who_delivers(found, entries, refused)
    if deliverer is not None:
        say(deliverer)
    if resent:
        who = "are left to the running monitor" if resent.waits else "were run again"
        say(f"{len(resent.keys)} {who}")
    return int(resent is not None and resent.failed)
