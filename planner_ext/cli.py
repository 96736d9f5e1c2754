"""The `bridle` command: which subcommand is where, and the one place that catches errors.

A subcommand is imported when it is called and not before, so that `bridle monitord` starts with nothing but
what it needs. A command's callback may return its exit code; None is 0.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

import click
from click.exceptions import NoSuchCommand

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from condor_templates.terminal import PrintableFormatter, say
from dag_rewriter.cli.common import print_json
from planner_ext.failure import (
    Failure,
    asks_for_json,
    bridle_failure,
    internal_failure,
    os_failure,
    usage_failure,
)


class Subcommand(NamedTuple):
    """Where a command is, and its line in the group's help (the first line of its own)."""

    target: str
    summary: str


COMMANDS = {
    "rewrite": Subcommand(
        "dag_rewriter.cli.rewrite:rewrite", "Make the monitor one of the jobs of a planned DAG."
    ),
    "check": Subcommand("dag_rewriter.cli.check:check", "Say what DAGMan would refuse in a DAG."),
    "run": Subcommand("planner_ext.commands.run:run", "Submit a planned workflow with its monitor."),
    "list": Subcommand(
        "monitord_job.cli.list_runs:list_runs",
        "Show your runs, the newest first: how each stands, and where it is.",
    ),
    "status": Subcommand("monitord_job.cli.status:status", "Show how far a run has come, and what failed."),
    "watch": Subcommand("monitord_job.cli.watch:watch", "Watch a run until it ends; ^C leaves it alone."),
    "analyzer": Subcommand(
        "monitord_job.cli.analyzer:analyzer",
        "Say what failed in a run and why, equal failures once, and what to do.",
    ),
    "jobs": Subcommand(
        "monitord_job.cli.jobs:jobs",
        "Show the attempts at the jobs of a run, or all that is known of one job.",
    ),
    "statistics": Subcommand(
        "monitord_job.cli.statistics:statistics",
        "Count what runs did: tasks, jobs, retries, seconds, badput.",
    ),
    "report": Subcommand(
        "monitord_job.cli.report:report",
        "Make one HTML file of a run: what failed and why, a Gantt chart, hosts, resources, every job.",
    ),
    "plots": Subcommand(
        "monitord_job.cli.plots:plots",
        "Draw a run: graphs, Gantt chart, hosts, time, transformations, states, attempts.",
    ),
    "recover": Subcommand("planner_ext.commands.recover:recover", "Diagnose a run; --fix repairs it."),
    "hold": Subcommand("planner_ext.commands.control:hold", "Hold all DAGMans of a run; running jobs go on."),
    "release": Subcommand("planner_ext.commands.control:release", "Release all DAGMans of a run."),
    "halt": Subcommand(
        "planner_ext.commands.control:halt", "Let a run submit no more jobs; running jobs go on."
    ),
    "resume": Subcommand("planner_ext.commands.control:resume", "Let a halted run go on."),
    "remove": Subcommand(
        "planner_ext.commands.control:remove", "Remove a run from the queue, and store how its jobs ended."
    ),
    "monitord": Subcommand(
        "monitord_job.cli.monitord:monitord", "Keep the Stampede database of a run up to date."
    ),
    "categories": Subcommand(
        "planner_ext.commands.categories:categories", "Show or change the limits of a DAG's categories."
    ),
    "throttle": Subcommand(
        "planner_ext.commands.throttle:throttle", "Show or change the throttles of a running DAGMan."
    ),
    "notifications": Subcommand(
        "monitord_job.cli.notifications:notifications",
        "List the notifications of a run, or deliver some again.",
    ),
    "notify": Subcommand("planner_ext.commands.notify:notify", "Manage notification rules."),
    "metrics": Subcommand(
        "dag_rewriter.cli.metrics:metrics", "Count the nodes of a DAG by class, category, universe and level."
    ),
    "graph": Subcommand(
        "dag_rewriter.cli.graph:graph",
        "Ask the graph of a DAG: levels, critical path, dependencies; draw it.",
    ),
    "condorio": Subcommand(
        "planner_ext.commands.condorio:condorio",
        "Tell what HTCondor's file transfer moves through the submit host.",
    ),
    "rescue": Subcommand("planner_ext.commands.rescue:rescue", "Show, choose and make rescue DAGs."),
    "plan": Subcommand(
        "planner_ext.commands.plan:plan", "Plan a workflow with pegasus-plan, and give it its monitor."
    ),
    "hook": Subcommand(
        "planner_ext.commands.hook:hook", "Give every workflow that pegasus-plan makes its monitor."
    ),
    "tc": Subcommand(
        "planner_ext.commands.tc:tc", "Manage transformation catalogs: which executables are where."
    ),
    "rc": Subcommand("planner_ext.commands.rc:rc", "Manage replica catalogs: where files are."),
    "sc": Subcommand(
        "planner_ext.commands.sc:sc", "Validate site catalogs, and convert XML 4.x to YAML 5.0."
    ),
    "help": Subcommand(
        "planner_ext.commands.help_pages:help_pages",
        "Show how a command is used, or a page of the manual.",
    ),
    "completion": Subcommand(
        "planner_ext.commands.completion:completion",
        "Print what makes a shell complete commands, options, runs, nodes and categories.",
    ),
    "schema": Subcommand(
        "planner_ext.commands.schema:schema",
        "Print the JSON Schema of what a command prints under --json.",
    ),
    "site": Subcommand(
        "monitord_job.cli.site:site", "Look after the database of a site, which many runs share."
    ),
    "pool": Subcommand("planner_ext.commands.pool:pool", "Manage a personal HTCondor pool."),
}

ALIASES = {"why": "analyzer"}
"""Short names, which the help of the command itself tells."""


@dataclass
class Verbosity:
    """How often -v was given (1 shows progress, 2 also details and the traceback of an error), and to which command."""

    name: str = "bridle"
    """of the command"""
    level: int = 0
    run: Path | None = None
    """that the command is about"""
    errors: int | None = None
    """what the command exits with after any error of the user's or the machine's, if it has one code for all"""
    as_json: bool = False
    """whether standard output is to hold JSON, errors too"""

    def resolve(self, typed: Path) -> Path:
        """The run that is meant, by whatever name. Raises AmbiguousRunError."""
        from monitord_job.runs.naming import resolved

        return resolved(typed)

    def run_names(self) -> list[str]:
        """What a shell completes where a run is wanted."""
        from monitord_job.runs.naming import known_names

        return known_names()


class LazyGroup(click.Group):
    """A group whose commands are the rows of COMMANDS, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        row = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if row is None:
            return None
        module, _, attribute = row.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            names = [*COMMANDS, *ALIASES]
            raise NoSuchCommand(error.command_name, possibilities=names, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`bridle COMMAND -h` explains each.",
)
@click.option(
    "-v", "--verbose", count=True, help="Say what is done; twice: details, and tracebacks of errors."
)
@click.version_option(None, package_name="pegasus-bridle", prog_name="bridle")
@click.pass_obj
def cli(verbosity: Verbosity, verbose: int) -> None:
    """Hold the reins of a planned Pegasus workflow.

    \b
    Example:
      bridle run --wait ~/runs/mosaic/run0001
      bridle status ~/runs/mosaic/run0001

    \b
    Exit codes: 0 done; 1 what was asked for did not succeed (the workflow failed, the pool does not start);
    2 wrong usage, or what was named cannot be used; 70 internal error; 74 input/output error;
    130 interrupted; 141 the reader of the output went away. A command's own codes are in its help.
    """
    verbosity.level = verbose
    logging.basicConfig(
        level=(logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)],
    )
    for handler in logging.getLogger().handlers:
        handler.setFormatter(PrintableFormatter("%(levelname)s %(name)s: %(message)s"))


def run_command(arguments: Sequence[str], command: click.Command = cli, name: str = "bridle") -> int:
    """Run a command with these arguments and return its exit code; errors are told on stderr in one line."""
    verbosity = Verbosity(name)
    try:
        result = command.main(list(arguments), prog_name=name, standalone_mode=False, obj=verbosity)
        sys.stdout.flush()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except click.ClickException as error:
        verbosity.as_json = verbosity.as_json or asks_for_json(arguments)
        return _tell(verbosity, usage_failure(error))
    except (KeyboardInterrupt, click.Abort):
        return _tell(verbosity, Failure("", "interrupted", "", ExitCode.INTERRUPTED))
    except BrokenPipeError:
        # Or the interpreter would complain once more when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE
    except BridleError as error:
        return _tell(verbosity, bridle_failure(error, verbosity.run))
    except OSError as error:
        return _tell(verbosity, os_failure(error, name))
    except Exception as error:  # noqa: BLE001 - the outermost line
        return _tell(verbosity, internal_failure(error, name))
    return result if isinstance(result, int) else 0


def _tell(verbosity: Verbosity, failure: Failure) -> int:
    """One code for all errors, if the command has it, but for those that are nobody's fault, or ours."""
    if verbosity.errors is not None and failure.code not in (ExitCode.INTERRUPTED, ExitCode.INTERNAL):
        failure = failure._replace(code=verbosity.errors)
    if verbosity.level >= 2 and not failure.usage:
        say(traceback.format_exc(), newline=False, err=True)
    if verbosity.as_json:
        print_json(failure.document(verbosity.name))
    elif failure.usage:
        say(failure.usage, newline=False, err=True)
    else:
        # A file name may hold bytes that are no text.
        say(f"{verbosity.name}: {failure}", err=True)
    return failure.code


def main() -> None:
    """The console script."""
    _run_script(cli, "bridle")


def notify_main() -> None:
    """The console script `bridle-notify`."""
    from monitord_job.cli.bridle_notify import notify

    _run_script(notify, "bridle-notify")


def _open_closed_streams() -> None:
    """`>&-`: nobody reads it, and the first file that is opened must not get its number."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115, PTH123


def _run_script(command: click.Command, name: str) -> NoReturn:
    # What is imported stays: to look through it at every 700th object takes time.
    gc.set_threshold(100_000, 50, 100)
    _open_closed_streams()
    code = run_command(sys.argv[1:], command, name)
    gc.freeze()  # and so does looking once more at the end, when all of it goes
    sys.exit(code)
