"""`bridle plan`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from condor_templates.terminal import put_out, say

if TYPE_CHECKING:
    from planner_ext.shims.plan import Planned


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def plan(arguments: tuple[str, ...]) -> int:
    """Plan a workflow with pegasus-plan, and give it its monitor.

    All ARGUMENTS are pegasus-plan's, --json, --conf and --submit too. It is run with the shims of `bridle hook` before
    its PATH, so that sub-workflows are rewritten when they are planned. If bridle cannot do its part, the plan stays as
    pegasus-plan left it, and that is said. `bridle plan -- --help` shows the help of pegasus-plan.

    \b
    Example:
      bridle plan --dir runs --output-sites local workflow.yml
      bridle plan --conf my.properties --submit workflow.yml

    \b
    Exit codes: that of pegasus-plan, also if bridle could not do its part; 1 the workflow was planned, and could not be
    started; 2 there is no pegasus-plan.
    """
    from planner_ext.shims.plan import run_planner

    done = run_planner(arguments, _shims(), os.environ, put_out)
    if done.code or done.submit_dir is None:
        return done.code
    return _finish(done, done.submit_dir)


def _shims() -> Path | None:
    """The user's shims, which are written if they are not there; None if that cannot be done, which is said."""
    from dag_rewriter.directory.find_bridle import find_bridle, script_directories
    from planner_ext.commands.hook import default_directory
    from planner_ext.shims.install import install

    place = default_directory()
    try:
        install(place, find_bridle(script_directories(), os.environ.get("PATH", "")))
    except Exception as error:  # noqa: BLE001 - whatever it is: the user's plan is made
        say(f"bridle: {_in_words(error)} (pegasus-plan goes on without the shims)", err=True)
        return None
    return place


def _in_words(error: Exception) -> str:
    from monitord_job.monitor.trouble import in_words

    return in_words(error)


def _finish(done: Planned, submit_dir: Path) -> int:
    from planner_ext.shims.plan import rewrite_planned

    if os.environ.get("BRIDLE_HOOK", "on") != "off":
        try:
            told = rewrite_planned(submit_dir, os.environ.get("PATH", ""))
        except Exception as error:  # noqa: BLE001 - whatever it is: the plan is the user's
            told = f"bridle: {_in_words(error)} (the plan is as pegasus-plan left it)"
        if told:
            say(told, err=True)
    return _start(submit_dir) if done.submits else ExitCode.DONE


def _start(submit_dir: Path) -> int:
    """What pegasus-plan was not told to do."""
    from planner_ext.shims.install import real_program
    from planner_ext.shims.pegasus_run import ShimOutput, run_as_pegasus

    submit_dag = real_program("condor_submit_dag", os.environ.get("PATH", ""))
    try:
        begun = run_as_pegasus([str(submit_dir)], Path.cwd(), submit_dag)
    except BridleError as error:
        say(f"bridle: {error}; it is planned: `bridle run {submit_dir}` starts it", err=True)
        return ExitCode.FAILED
    if not isinstance(begun, ShimOutput):
        say(f"bridle: {submit_dir}: it is planned; `bridle run {submit_dir}` starts it", err=True)
        return ExitCode.FAILED
    for text in (begun.err, begun.out):
        if text:
            say(text, err=True)  # stdout is the planner's: it may be JSON
    return ExitCode.DONE
