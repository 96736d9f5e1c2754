"""`bridle notifications`: parse, call one function, print."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dag_rewriter.directory.locate import open_target
from monitord_job.monitor.unplanned_identity import identified


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
  0  shown; with --resend: delivered, or left to the monitor that is at work
  1  with --resend: some failed again
  2  there is no such submit directory or key, the database cannot be read, or notifications are switched off
"""
)
@click.argument("submit_dir", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--json", "as_json", is_flag=True, help="All of them, with what the scripts wrote, for programs."
)
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
@click.option("--url", help="The database, if the monitor was told of it by its own --url.")
def notifications(
    submit_dir: Path, *, as_json: bool, states: tuple[str, ...], wanted: tuple[str, ...], url: str | None
) -> int:
    """List the notifications of a run: due, running, delivered, failed; or deliver some again.

    If no monitor is alive, what the logs hold beyond the database is stored first, and --resend delivers by itself.
    """
    from monitord_job.notifications.outbox import DeliveryState
    from monitord_job.readers import notification_list as outbox

    found = identified(open_target(submit_dir))
    resent = outbox.resend(found, wanted, url) if wanted else None
    entries = resent.found if resent else outbox.read_outbox(found, url)
    if as_json:
        click.echo(json.dumps(outbox.as_json(entries), indent=2))
        return int(resent is not None and resent.failed)
    for line in outbox.lines(entries, [DeliveryState(state) for state in states]):
        click.echo(line.encode("utf-8", "backslashreplace"))
    if outbox.waits_in_vain(found, entries):
        click.echo(
            f"no monitor is at work; to deliver what is due: bridle monitord --catch-up --notify {submit_dir}"
        )
    if resent:
        who = "are left to the monitor that is at work" if resent.waits else "were run again"
        click.echo(f"{len(resent.keys)} {who}")
    return int(resent is not None and resent.failed)
