"""`bridle status`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json, submit_dir_argument
from monitord_job.cli.common import open_run, properties_options, run_above, url_option

if TYPE_CHECKING:
    from dag_rewriter.directory.submit_dir import SubmitDir


@click.command(
    epilog="""\b
Example:
  bridle status run0001
  bridle status --json run0001 | jq .jobs
  bridle status diamond.dag
\b
Exit codes:
  0  the state of the run was shown, whatever it is (--json: key `state`)
  2  there is no such submit directory, or its database cannot be read
"""
)
@submit_dir_argument
@json_option
@properties_options
@url_option
def status(submit_dir: Path, as_json: bool, url: str | None) -> None:
    """Show how far a run has come, and what failed.

    If no monitor is alive, what the logs hold beyond the database is stored first.
    """
    from monitord_job.readers.status import read_to_tell
    from monitord_job.readers.status_view import MOST_FAILURES, as_mapping, show

    opened = open_run(submit_dir)
    summary, diagnosis = read_to_tell(opened, url, sys.maxsize if as_json else MOST_FAILURES)
    if as_json:
        print_json(as_mapping(summary, diagnosis, run_above(opened)))
    else:
        show(summary, diagnosis=diagnosis)
        if summary.started is not None and summary.ended is None:
            _tell_what_goes_on(opened, url)


def _tell_what_goes_on(opened: SubmitDir, url: str | None) -> None:
    from monitord_job.watch.once import lines
    from monitord_job.watch.watching import Watcher

    moment = Watcher(opened, url, catches_up=False).look()
    for line in () if moment is None else lines(moment):
        say(line)
