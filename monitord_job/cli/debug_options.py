"""`bridle analyzer --debug-job`, as pegasus-analyzer has it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from condor_templates.terminal import say
from monitord_job.cli.common import open_run

F = TypeVar("F", bound=Callable[..., Any])
_META = "bridle.debug"


class _Option(NamedTuple):
    name: str
    metavar: str
    type: click.ParamType[Any] | None
    text: str


_OPTIONS = (
    _Option(
        "--debug-job",
        "JOB",
        None,
        "Analyse nothing: write a script that runs this job (or that of a submit file) here, PegasusLite's without its "
        "stage-out, and say how to start it.",
    ),
    _Option(
        "--debug-dir",
        "DIR",
        click.Path(file_okay=False, path_type=Path),
        "Where that is written, and where the job runs.  [default: debug_JOB]",
    ),
    _Option(
        "--local-executable",
        "FILE",
        click.Path(),
        "What it runs in place of the program of PegasusLite's job.",
    ),
    _Option("--type", "condor", click.Choice(["condor"], case_sensitive=False), "The one type there is."),
)


def _keep(ctx: click.Context, option: click.Parameter, value: object) -> None:
    if value is not None:
        ctx.meta.setdefault(_META, {})[option.name] = value


def debug_options(command: F) -> F:
    """The options; `debugged` does what they ask for."""
    for one in reversed(_OPTIONS):
        command = click.option(
            one.name, metavar=one.metavar, type=one.type, expose_value=False, callback=_keep, help=one.text
        )(command)
    return command


def debugged(place: Path | None) -> bool:
    """Whether a script was asked for; then it is written. `place`: the run, None where none was named."""
    asked = click.get_current_context().meta.get(_META, {})
    if not asked:
        return False
    if "debug_job" not in asked:
        raise click.UsageError("which job? name it with --debug-job")
    from monitord_job.jobs.debug_job import submit_file_of, write_debug_script

    job = asked["debug_job"]
    named = next((path for path in (Path(job), Path(f"{job}.sub")) if path.is_file()), None)
    run = open_run(place or Path()) if named is None or place is not None else None
    script = write_debug_script(
        submit_file_of(run, job) if named is None and run is not None else named or Path(job),
        run.start if run is not None else Path.cwd(),
        asked.get("debug_dir"),
        asked.get("local_executable"),
    )
    say(f"To run it, type:\n  cd {shlex.quote(str(script.parent))}\n  {shlex.quote(f'./{script.name}')}")
    return True
