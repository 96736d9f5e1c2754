"""`bridle recover`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.exit_codes import ExitCode
from condor_templates.terminal import say
from dag_rewriter.cli.common import as_owner_option, json_option, print_json, submit_dir_argument
from monitord_job.cli.common import open_run, properties_options

if TYPE_CHECKING:
    from monitord_job.diagnosis.run_states import Diagnosis
    from planner_ext.operations.recover import Recovered


@click.command()
@submit_dir_argument
@as_owner_option
@properties_options
@click.option("--fix", "do", is_flag=True, help="Do what helps, and say what was done.")
@json_option
def recover(submit_dir: Path, do: bool, as_json: bool) -> int:
    """Diagnose a run; --fix repairs it.

    It looks at the queue, at the logs of DAGMan and of its job, at locks, processes and the database. --fix releases
    what is held or waits, resumes what is halted, takes up what the queue has lost, runs what has failed again from
    its rescue DAG, ends an orphan beside which HTCondor has started another DAGMan, and stores what is not stored.
    It never starts a second DAGMan beside a live one, and leaves a run alone that was removed.

    \b
    Example:
      bridle recover ~/runs/mosaic/run0001
      bridle recover --fix ~/runs/mosaic/run0001
      bridle recover --json diamond.dag | jq -r .condition

    \b
    Exit codes: 0 it goes on by itself, or is over with nothing left to do; 1 something is to be done, and --fix
    has not done it; 2 there is no such run.
    """
    from monitord_job.readers.status_view import tell_diagnosis
    from planner_ext.operations.recover import fix, look

    opened = open_run(submit_dir)
    if not do:
        diagnosis = look(opened)
        print_json(diagnosis.as_json()) if as_json else _show(diagnosis)
        return ExitCode.FAILED if diagnosis.needs_attention else 0
    recovered = fix(opened, lambda remedy: None if as_json else say(f"now: {remedy.value}"))
    if as_json:
        print_json(_as_json(recovered))
    else:
        tell_diagnosis(recovered.after, say)
    return ExitCode.FAILED if recovered.after.needs_attention else 0


def _show(diagnosis: Diagnosis) -> None:
    from monitord_job.readers.status_view import tell_diagnosis

    tell_diagnosis(diagnosis, say)
    for remedy in diagnosis.remedies:
        say(f"--fix would {remedy.value}")


def _as_json(recovered: Recovered) -> dict[str, object]:
    return {
        "before": recovered.before.as_json(),
        "done": [remedy.value for remedy in recovered.done],
        "after": recovered.after.as_json(),
    }
