"""`bridle run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.exit_codes import ExitCode
from condor_templates.next_command import completed
from condor_templates.terminal import say
from dag_rewriter.cli.common import (
    as_owner_option,
    force_option,
    json_option,
    print_json,
    submit_dir_argument,
)
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.cli.common import properties_options
from monitord_job.monitor.unplanned_identity import identified

if TYPE_CHECKING:
    from monitord_job.database.queries.run_values import WorkflowSummary
    from planner_ext.operations.run import Submitted


@click.command()
@submit_dir_argument
@as_owner_option
@click.option(
    "--wait",
    "--watch",
    "wait",
    is_flag=True,
    help="Stay until the workflow has ended, and exit with its own success.",
)
@force_option
@properties_options
@json_option
@click.option(
    "--url",
    help="The database to write to (--conf and -D may name it, too). It is noted beside the DAG: all commands use it "
    "from then on.",
)
def run(submit_dir: Path, wait: bool, force: bool, as_json: bool, url: str | None) -> int:
    """Submit a planned workflow with its monitor.

    SUBMIT_DIR is what pegasus-plan wrote, or a DAG that nobody planned (X.dag). The DAG is rewritten if it is not
    yet, and goes to HTCondor as condor_submit_dag sends it. A failed run goes on from its rescue DAG, a halted one
    goes on, one that the queue has lost is taken up; one that has succeeded is left alone, unless `bridle rescue` was
    told what shall run again. A live one is refused; with --wait, it is waited for. A DAG in which `bridle check` finds
    an error is refused before anything is submitted.

    \b
    Example:
      bridle run ~/runs/mosaic/run0001
      bridle run --wait ~/runs/mosaic/run0001 && echo done
      bridle run diamond.dag

    \b
    Exit codes: 0 submitted, or with --wait: the workflow succeeded; with --wait also 1 it failed, 4 it was removed,
    5 ABORT-DAG-ON ended it, 6 it has not ended and does not go on by itself (held, halted, lost from the queue);
    2 the directory cannot be run, nothing was submitted; 130 interrupted (the workflow goes on).
    """
    from monitord_job.database.properties import given_url
    from monitord_job.database.queries.run_values import WorkflowSummary
    from planner_ext.errors import AlreadyRunningError
    from planner_ext.operations.run import Submitted, start

    opened = identified(open_target(submit_dir))  # of DAGs that were submitted as one before, this one alone
    named = given_url()
    try:
        begun = start(opened, url or (named[1] if named is not None else None), force=force)
    except AlreadyRunningError as error:
        if not wait or error.job is None:
            raise
        begun = Submitted(error.job, rewritten=False, how="nothing was submitted: this workflow runs already")
    if isinstance(begun, WorkflowSummary):
        return _report(opened, begun, as_json, "this workflow has succeeded already, nothing was submitted")
    for note in begun.notes:
        say(f"bridle: {note}", err=True)
    if not as_json:
        say(f"{begun.how} as DAGMan job {begun.job}" + (" (DAG rewritten)" if begun.rewritten else ""))
    if wait:
        try:
            ended = _wait(opened, begun, quiet=as_json)
        except KeyboardInterrupt:
            what = "the workflow goes on; `bridle run --wait` waits for it again, `bridle status` shows how far it is"
            say(completed(what, submit_dir), err=True)
            return ExitCode.INTERRUPTED
        return _report(opened, ended, as_json)
    if as_json:
        print_json({"job": begun.job, "rewritten": begun.rewritten})
    else:
        say(completed("see `bridle status`", submit_dir))
    return 0


def _report(opened: SubmitDir, summary: WorkflowSummary, as_json: bool, note: str = "") -> int:
    from monitord_job.readers.run_outcome import EXIT_CODES, ending
    from monitord_job.readers.status import diagnosis_of
    from monitord_job.readers.status_view import as_mapping, show

    diagnosis = diagnosis_of(opened)
    if as_json:
        print_json(as_mapping(summary, diagnosis))
    else:
        if note:
            say(note)
        show(summary, diagnosis=diagnosis)
    ended = ending(summary, diagnosis)
    return ExitCode.NOT_ENDED if ended is None else EXIT_CODES[ended]


def _wait(opened: SubmitDir, begun: Submitted, *, quiet: bool) -> WorkflowSummary:
    """Show it as `bridle watch` does, until it has ended or stands still."""
    from condor_templates.printable_console import PrintableConsole
    from monitord_job.text.display import one_line
    from monitord_job.watch.attention import Attention
    from monitord_job.watch.display import display_on
    from monitord_job.watch.follow import Missed, running
    from monitord_job.watch.watching import Watcher
    from planner_ext.operations.run import watch

    watcher, attention = Watcher(opened, catches_up=False), Attention(opened)
    missed = Missed(opened, watcher)
    last: WorkflowSummary | None = None
    with display_on(PrintableConsole(quiet=quiet), stays=False) as display:
        for last in watch(opened, begun.job):
            for line in attention.news() if last is None else ():
                display.note(one_line(line))
            moment = watcher.glance(attention.held)
            if moment is not None:
                display.show(moment, running(opened, missed.where()))
    assert last is not None, "watch ends with a summary or an error"
    return last
