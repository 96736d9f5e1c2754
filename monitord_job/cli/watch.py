"""`bridle watch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.exit_codes import ExitCode
from condor_templates.next_command import completed
from condor_templates.terminal import say
from dag_rewriter.cli.common import submit_dir_argument
from monitord_job.cli.common import open_run, properties_options, url_option

if TYPE_CHECKING:
    from dag_rewriter.directory.submit_dir import SubmitDir
    from monitord_job.watch.follow import Seen


@click.command(
    epilog="""\b
Example:
  bridle watch
  bridle watch run0001
  bridle watch mosaic/run0002 | tee -a watch.log
\b
Exit codes: those of `bridle run --wait`
  0    the run succeeded
  1    it failed
  2    there is no such run, or its database cannot be read
  4    it was removed
  5    ABORT-DAG-ON ended it
  6    it has not ended and does not go on by itself (never submitted, lost from the queue, ended by a halt file)
  130  you left with ^C; the run goes on
"""
)
@submit_dir_argument
@properties_options
@url_option
def watch(submit_dir: Path, url: str | None) -> int:
    """Watch a run until it ends; ^C leaves it alone.

    On a terminal: how many jobs are in which state, in the run and in each sub-workflow, how full its categories are,
    when it may end, the jobs that have been running longest, what is held and what failed, and why. Elsewhere: a line
    for each change; what is held or has failed is told at once, to any depth. It only reads; if no monitor is alive,
    what the logs hold is stored first, as `bridle status` does.
    """
    opened = open_run(submit_dir)
    try:
        last = _show(opened, url)
    except KeyboardInterrupt:
        what = "the run goes on; `bridle watch` comes back to it, `bridle status` shows how far it is"
        say(completed(what, submit_dir), err=True)
        return ExitCode.INTERRUPTED
    return last.exit_code


def _show(opened: SubmitDir, url: str | None) -> Seen:
    from condor_templates.printable_console import PrintableConsole
    from monitord_job.watch.display import display_on
    from monitord_job.watch.follow import follow

    console = PrintableConsole()
    with display_on(console, stays=True) as display:
        for seen in follow(opened, url):
            for line in seen.lines:
                display.note(line)
            if seen.moment is not None:
                display.show(seen.moment, seen.shown)
    if not console.is_terminal or seen.never_began:
        say(seen.last_words)
    return seen
