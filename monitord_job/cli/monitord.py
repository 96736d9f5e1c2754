"""`bridle monitord`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from dag_rewriter.cli.common import monitored_argument
from dag_rewriter.errors import MissingRunError, SubmitDirError
from monitord_job.cli.common import open_run, properties_options
from monitord_job.errors import CannotWorkError, DatabaseVersionError
from monitord_job.monitor.limits import Limits

if TYPE_CHECKING:
    from monitord_job.event_stream.sink import EventFile


class Mode(Enum):
    """What `bridle monitord` is asked for."""

    FOLLOW = "follow"
    CATCH_UP = "catch-up"
    REBUILD = "rebuild"
    DELIVER = "deliver"


@click.command(
    epilog="""\b
Example:
  bridle monitord --catch-up run0001
  bridle monitord --rebuild run0001
  bridle monitord --deliver run0001
  bridle monitord --catch-up diamond.dag
  bridle monitord --events run0001/events.bp run0001
\b
Exit codes:
  0   the run has ended, everything is stored and delivered, or given up (--catch-up, --rebuild: stored, all that the
      logs hold now)
  1   --follow: what is there is no run, or it is in the DAG's way; else: cannot work here; the message says why
  2   wrong usage; --catch-up, --rebuild: or the database is of a later bridle's or another monitor's
  3   all is stored, and nodes failed (where the monitor is a JOB of the DAG: it does not count as done)
  70  an error in its own code, which stayed; HTCondor starts the monitor again
  75  try again: another monitor serves the directory or has taken over, what it needs cannot be had now, or it was
      told to stop while notifications are due
"""
)
@monitored_argument
@properties_options
@click.option("--follow", "mode", flag_value="follow", default="follow", help="Until the run ends (default).")
@click.option("--catch-up", "mode", flag_value="catch-up", help="Store what the logs hold now, then leave.")
@click.option(
    "--rebuild", "mode", flag_value="rebuild", help="Make the database anew, then replace the old one."
)
@click.option(
    "--deliver",
    "mode",
    flag_value="deliver",
    help="Store what the logs hold now, then stay until no notification is due.",
)
@click.option(
    "--poll", default=Limits().poll, show_default=True, help="Seconds between two looks at quiet logs."
)
@click.option(
    "--drain", default=Limits().drain, show_default=True, help="Seconds to wait for DAGMan after SIGTERM."
)
@click.option(
    "--lock-wait", default=60.0, show_default=True, help="Seconds to wait for another monitor to leave."
)
@click.option(
    "--url", help="The database, instead of the one in pegasus.catalog.workflow.url or beside the DAG."
)
@click.option(
    "--database-wait",
    type=float,
    help="Seconds to wait for what cannot be used now, the database above all, then 75. "
    "[default: pegasus.catalog.workflow.timeout, else 600]",
)
@click.option(
    "--events",
    metavar="FILE",
    help="Write the events of the Stampede model there as they are stored; - is stdout.",
)
@click.option(
    "--events-format",
    type=click.Choice(["bp", "json"]),
    default="bp",
    show_default=True,
    help="NetLogger lines as in a static.bp, or one JSON object a line.",
)
@click.option(
    "--notify/--no-notify",
    default=None,
    help="Make notifications due and deliver them. [default: --follow does, but not for a run that was over before; "
    "--catch-up and --rebuild do not, and take nothing away from a monitor that does]",
)
def monitord(
    submit_dir: Path,
    mode: str,
    poll: float,
    drain: float,
    lock_wait: float,
    url: str | None,
    database_wait: float | None,
    events: str | None,
    events_format: str,
    notify: bool | None,
) -> int:
    """Keep the Stampede database of a run up to date.

    The monitor job of a rewritten DAG runs it. It reads what DAGMan and the jobs write below SUBMIT_DIR (or beside a
    DAG without Pegasus, X.dag), and takes up where an earlier one stopped, after any kind of death. SIGTERM makes it
    store the rest and leave.
    """
    from monitord_job.monitor import session
    from monitord_job.monitor.trouble import as_monitor_error
    from monitord_job.runs.records import keep_ended

    limits = Limits(poll=poll, drain=drain, database=database_wait)
    run = None
    try:
        run = open_run(submit_dir)
        outlet = None if events is None else _event_file(events, events_format)
        if mode == Mode.FOLLOW.value:
            is_done = session.follow_run(run, limits, lock_wait, url, outlet, notify)
            keep_ended(run)
            return 0 if is_done else ExitCode.NODES_FAILED
        if mode == Mode.DELIVER.value:
            session.deliver(run, limits, lock_wait, url)
        elif mode == Mode.CATCH_UP.value:
            session.catch_up(run, limits, lock_wait, url, outlet, notify)
        else:
            session.rebuild(run, limits, lock_wait, url, outlet, notify)
        keep_ended(run)
    except (BridleError, OSError) as error:
        if mode == Mode.FOLLOW.value and (run is not None or not _is_no_run(error)):
            raise as_monitor_error(error) from error
        if isinstance(error, DatabaseVersionError | OSError):
            raise
        # 2 is kept for wrong usage: HTCondor's job policy and people must be able to tell the two apart.
        if error.exit_code == BridleError.exit_code:
            raise CannotWorkError(error.where, error.what, error.hint) from error
        raise
    return 0


def _is_no_run(error: Exception) -> bool:
    """Whether what is there is no run; what is not there, or cannot be read, may come back."""
    return isinstance(error, SubmitDirError) and not isinstance(error, MissingRunError)


def _event_file(name: str, kind: str) -> EventFile:
    from monitord_job.event_stream.netlogger import BpFormat
    from monitord_job.event_stream.sink import EventFile

    return EventFile(name, BpFormat(kind))
