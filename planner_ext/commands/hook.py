"""`bridle hook`: shims that give what pegasus-plan makes its monitor."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json
from dag_rewriter.directory.find_bridle import find_bridle, script_directories
from planner_ext.errors import AlreadyRunningError, BadStartError, NotRunningError
from planner_ext.shims import install as shims

if TYPE_CHECKING:
    from planner_ext.shims.handlers import ShimDecision


def default_directory() -> Path:
    """Where a user's shims are if nothing is said."""
    import platformdirs

    return Path(platformdirs.user_data_dir("bridle")) / "hook"


_directory = click.argument(
    "directory", required=False, type=click.Path(path_type=Path, file_okay=False, resolve_path=True)
)


@click.group()
def hook() -> None:
    """Give every workflow that pegasus-plan makes its monitor.

    A shim in PATH stands before condor_submit_dag, condor_submit and pegasus-run, does its part, and goes on with the
    real program. What no planner has made is none of its business. BRIDLE_HOOK=off in the environment switches it
    off.

    \b
    Example:
      bridle hook install
      export PATH="$HOME/.local/share/bridle/hook:$PATH"
      pegasus-plan --submit workflow.yml
      bridle hook show

    \b
    Exit codes: 0 done; 1 a shim is not in use (show); 2 wrong usage, or a directory that cannot be used.
    """


@hook.command()
@_directory
@json_option
def install(directory: Path | None, as_json: bool) -> None:
    """Write the shims, and say the line that puts them into PATH.

    Without DIRECTORY: bridle/hook in the user's data directory (~/.local/share). Install again after `bridle` has
    moved. An admin can install into a directory that a module or a profile puts into everybody's PATH.

    \b
    Example:
      bridle hook install
      bridle hook install /opt/bridle/hook

    \b
    Exit codes: 0 the shims are there; 2 DIRECTORY cannot be used, nothing was changed.
    """
    place = directory or default_directory()
    bridle = find_bridle(script_directories(), os.environ.get("PATH", ""))
    written = shims.install(place, bridle)
    line = f"export PATH={shlex.quote(str(place))}:$PATH"
    if as_json:
        shown = {"directory": str(place), "written": [path.name for path in written], "export": line}
        print_json(shown)
        return
    for path in written:
        say(f"wrote {path}")
    say("put this line into your shell, and into its profile (~/.bashrc):" if written else "it is there:")
    say(line)


@hook.command()
@_directory
@json_option
def uninstall(directory: Path | None, as_json: bool) -> None:
    """Remove the shims.

    Workflows that were planned with them keep their monitor; `bridle rewrite --undo` takes it from one.

    \b
    Example:
      bridle hook uninstall

    \b
    Exit codes: 0 no shim is there any more.
    """
    removed = shims.uninstall(directory or default_directory())
    if as_json:
        print_json({"removed": [str(path) for path in removed]})
        return
    for path in removed:
        say(f"removed {path}")
    if not removed:
        say("there was none")


@hook.command()
@_directory
@json_option
def show(directory: Path | None, as_json: bool) -> int:
    """Show whether the shims are in use, and which programs they go on with.

    \b
    Example:
      bridle hook show
      bridle hook show --json /opt/bridle/hook

    \b
    Exit codes: 0 all are in use; 1 one is not there, is not the first in PATH, or finds no real program; or others than
    you and root can put programs into DIRECTORY.
    """
    place = directory or default_directory()
    shim_states = shims.states(place, os.environ.get("PATH", ""))
    unsafe = shims.unsafe(place)
    if as_json:
        rows = [asdict(state) | {"works": state.works} for state in shim_states]
        print_json({"directory": str(place), "unsafe": unsafe or None, "programs": rows})
    else:
        for state in shim_states:
            say(f"{state.program}: {_in_words(state)}")
        if unsafe:
            say(f"NOT SAFE: {unsafe}")
    return 0 if not unsafe and all(state.works for state in shim_states) else 1


def _in_words(state: shims.ShimState) -> str:
    if state.shim is None:
        return "no shim is there; run `bridle hook install`"
    if state.first != state.shim:
        return (
            f"not in use: PATH finds {state.first or 'none'} first; put {Path(state.shim).parent} before it"
        )
    return f"in use, goes on with {state.real}" if state.real else "in use, but there is no real one in PATH"


@hook.command(hidden=True, context_settings={"ignore_unknown_options": True})
@click.option("--again", is_flag=True, help="The real program has run.")
@click.option("--parent", default=0, help="The process id of who called the program.")
@click.argument("program")
@click.argument("real")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def ask(again: bool, parent: int, program: str, real: str, arguments: tuple[str, ...]) -> int:
    """What a shim asks before, and after, it goes on with the REAL PROGRAM: for shims only.

    \b
    Example:
      bridle hook ask -- condor_submit_dag /usr/bin/condor_submit_dag -no_submit x.dag

    \b
    Exit codes: 0 go on (of pegasus-run and -remove: all is done); 9 run nothing; 10 ask again afterwards (of those
    two: go on). Any other: the hook has failed, and left all as it was; go on.
    """
    try:
        if program in ("pegasus-run", "pegasus-remove"):
            return _act(program, arguments)
        decision = _answer(program, real, arguments, again=again, parent=parent)
        # The planner shows what comes on stderr as an error; but programs read what condor_submit says on stdout.
        return _tell(decision, err=program == "condor_submit")
    except (AlreadyRunningError, BadStartError) as error:
        say(f"bridle: {error}", err=True)
        return ExitCode.SHIM_STOP
    except BridleError as error:
        from planner_ext.shims.handlers import ShimError, note_failure

        hint = f"{error.hint} ({program} goes on without bridle)"
        failed = ShimError(error.where, error.what, hint)
        if program == "condor_submit":
            note_failure(arguments, Path.cwd(), str(failed))
        raise failed from error


def _answer(program: str, real: str, arguments: Sequence[str], *, again: bool, parent: int) -> ShimDecision:
    from planner_ext.shims.handlers import after_plan, before_dagman, before_submit, before_submit_dag

    here = Path.cwd()
    if program == "condor_submit_dag":
        return after_plan(real, arguments, here) if again else before_submit_dag(arguments, here, parent)
    if program == "condor_submit":
        return before_submit(arguments, here, _submit_dag())
    if program == "condor_dagman":
        return before_dagman(arguments, here)
    raise click.UsageError(f"there is no shim for {program}")


def _submit_dag() -> str | None:
    return shims.real_program("condor_submit_dag", os.environ.get("PATH", ""))


def _tell(decision: ShimDecision, *, err: bool) -> int:
    if decision.message:
        say(decision.message, err=err)
    return ExitCode.SHIM_AGAIN if decision.ask_again else 0


def _act(program: str, arguments: Sequence[str]) -> int:
    """Do what Pegasus's program would do; ExitCode.SHIM_AGAIN: that is to do it."""
    from monitord_job.errors import ScheddError
    from planner_ext.shims.pegasus_run import ShimOutput, remove_as_pegasus, run_as_pegasus

    try:
        if program == "pegasus-remove":
            done = remove_as_pegasus(arguments, Path.cwd())
        else:
            done = run_as_pegasus(arguments, Path.cwd(), _submit_dag())
    except (NotRunningError, ScheddError) as error:
        # Pegasus's own could not do it either.
        say(f"bridle: {error}", err=True)
        return ExitCode.SHIM_STOP
    if not isinstance(done, ShimOutput):
        _tell(done, err=True)
        return ExitCode.SHIM_AGAIN
    for text, err in ((done.err, True), (done.out, False)):
        if text:
            say(text, err=err)
    return 0
