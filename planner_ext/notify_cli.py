"""`bridle notify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from dag_rewriter.submit_dir import open_submit_dir
from monitord_job.rule import Rule
from monitord_job.rules import Words
from planner_ext import notify_file
from planner_ext.notify_file import NotifyFile, Written


@click.group()
def notify() -> None:
    """Say who is told of what: the rules in a workflow's .notify files.

    \b
    Example:
      bridle notify generate runs/mosaic/run0001

    Exit codes: 0 done; 2 wrong usage, or what was named cannot be used. `bridle notify COMMAND -h` explains each.
    """


@notify.command()
@click.argument("directory", metavar="SUBMIT_DIR", type=click.Path(readable=False, path_type=Path))
@click.option(
    "--workflow",
    metavar="FILE",
    type=click.Path(readable=False, path_type=Path),
    help="The abstract workflow, YAML or XML; by default the one that was planned.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(readable=False, path_type=Path, allow_dash=True),
    help="Where to write; - is stdout. By default the .notify file of SUBMIT_DIR.",
)
@click.option(
    "--words",
    type=click.Choice(["4", "5"]),
    default="4",
    show_default=True,
    help="Of Pegasus 4 (on_error, at_end: what each pegasus-monitord understands) or 5 (error, end).",
)
@click.option("--force", is_flag=True, help="Replace a file that has other rules; it is kept as FILE.000.")
@click.option(
    "--json", "as_json", is_flag=True, help="The rules, their sources and what was done, for programs."
)
def generate(
    directory: Path, workflow: Path | None, output: Path | None, words: str, *, force: bool, as_json: bool
) -> None:
    """Write the .notify file that the hooks of the abstract workflow ask for.

    Hooks of the workflow, of jobs and sub-workflows, and of the transformations that they run. Tasks of a clustered job
    become INVOCATION rules. A file that has rules or comments of somebody else's is left alone.

    \b
    Example:
      bridle notify generate runs/mosaic/run0001
      bridle notify generate runs/mosaic/run0001 --workflow mosaic.xml --output -

    Exit codes: 0 done, also when nothing had to be changed; 2 a file cannot be read or understood, or somebody else's
    rules would be lost.
    """
    submit_dir = open_submit_dir(directory)
    made = notify_file.generate(
        submit_dir, workflow or notify_file.find_workflow(submit_dir), Words(int(words))
    )
    done = None
    if output != Path("-"):
        done = notify_file.write(output or submit_dir.notify, made, force=force)
    for note in made.notes:
        click.echo(f"bridle: {note}", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(made, done), indent=2))
    elif done is None:
        click.echo(made.content, nl=False)
    else:
        click.echo(_said(made, done))


def _said(made: NotifyFile, done: Written) -> str:
    if not done.changed:
        return f"{done.path}: {len(made.rules)} rules, nothing to change"
    kept = f"; what was there is in {done.kept_as.name}" if done.kept_as else ""
    return f"{done.path}: {len(made.rules)} rules from {made.workflow}{kept}"


def _as_json(made: NotifyFile, done: Written | None) -> dict[str, Any]:
    return {
        "workflow": str(made.workflow),
        "file": str(done.path) if done else None,
        "changed": bool(done and done.changed),
        "kept_as": str(done.kept_as) if done and done.kept_as else None,
        "rules": [_rule_as_json(rule) for rule in made.rules],
        "notes": list(made.notes),
    }


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "entity": rule.entity.value,
        "name": rule.name,
        "invocation": rule.number,
        "on": rule.condition.on.value,
        "command": rule.action.text,
        "source": str(rule.source),
    }
