"""`bridle notify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from condor_templates.terminal import put_out, say
from dag_rewriter.cli.common import RUN, json_option, print_json
from dag_rewriter.directory.confirmed import confirm_at_submit
from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.cli.common import open_run, run_of
from monitord_job.notifications.rule import Action, How, conditions_help

if TYPE_CHECKING:
    from monitord_job.notifications.rule import Rule
    from planner_ext.notify.notify_file import NotifyFile, Written
    from planner_ext.notify.own_rules import Added, Listed


@click.group()
def notify() -> None:
    """Manage notification rules.

    They stand in a workflow's .notify files, and say who is told of what.

    \b
    Example:
      bridle notify generate runs/mosaic/run0001
      bridle notify add runs/mosaic/run0001 --on error --to mailto://me@example.org
      bridle notify list runs/mosaic/run0001

    Exit codes: 0 done; 1 you said no; 2 wrong usage, or what was named cannot be used. `bridle notify COMMAND -h`
    explains each.
    """


@notify.command()
@click.argument("directory", metavar="SUBMIT_DIR", type=RUN)
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
@json_option
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
    from monitord_job.notifications.rule_file import Words
    from planner_ext.notify import notify_file

    submit_dir = open_submit_dir(directory)
    made = notify_file.generate(
        submit_dir, workflow or notify_file.find_workflow(submit_dir), Words(int(words))
    )
    done = None
    unconfirmed: tuple[str, ...] = ()
    if output != Path("-"):
        done = notify_file.write(output or submit_dir.notify, made, force=force)
        unconfirmed = confirm_at_submit(submit_dir, below=False)
    for note in (*made.notes, *unconfirmed):
        say(f"bridle: {note}", err=True)
    if as_json:
        print_json(_as_json(made, done))
    elif done is None:
        put_out(made.content)
    else:
        say(_said(made, done))


@notify.command()
@click.argument("target", metavar="SUBMIT_DIR", type=RUN)
@click.option(
    "--on",
    "conditions",
    metavar="WHEN",
    multiple=True,
    required=True,
    help=f"{conditions_help()} May be repeated.",
)
@click.option("--cmd", "commands", metavar="TEXT", multiple=True, help="A command line, run without a shell.")
@click.option("--shell", "shells", metavar="TEXT", multiple=True, help="A text for /bin/sh.")
@click.option("--to", "urls", metavar="URL", multiple=True, help="Where bridle-notify is to send a message.")
@click.option("--workflow", is_flag=True, help="About the workflow, not about its jobs.")
@click.option(
    "--job", "jobs", metavar="NODE", multiple=True, help="About these nodes; * and ? as in a shell."
)
@click.option(
    "--task",
    "tasks",
    metavar="NODE[#N]",
    multiple=True,
    help="About the Nth task of a clustered job, or all.",
)
@json_option
def add(
    target: Path,
    conditions: tuple[str, ...],
    commands: tuple[str, ...],
    shells: tuple[str, ...],
    urls: tuple[str, ...],
    *,
    workflow: bool,
    jobs: tuple[str, ...],
    tasks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add rules to a run, also while it runs: when this happens, do that.

    About every job, or, for a condition that only a workflow meets, about the workflow. The abstract workflow and the
    planner's files stay as they are: the rules are in NAME.bridle-notify, and hold as long as they stand there.

    \b
    Example:
      bridle notify add run0001 --on error --cmd '/home/me/bin/tell.sh failed'
      bridle notify add run0001 --workflow --on end --to mailto://me@example.org
      bridle notify add run0001 --on stalled=30m --on progress=50% --shell 'echo $PEGASUS_EVENT | mail me'
      bridle notify add run0001 --job 'merge_*' --on error/final --to mailto://me@example.org

    Exit codes: 0 added, or there already; 2 a rule cannot be understood, or the file not be written: nothing was added.
    """
    from planner_ext.notify import own_rules

    texts = {How.COMMAND: commands, How.SHELL: shells, How.URL: urls}
    actions = [Action(how, text) for how, given in texts.items() for text in given]
    if not actions:
        raise click.UsageError("say what is to be done, with --cmd, --shell or --to")
    opened = open_run(target)
    added = own_rules.add(opened, conditions, actions, own_rules.About(workflow, jobs, tasks))
    for note in added.notes:
        say(f"bridle: {note}", err=True)
    if as_json:
        print_json(_added_as_json(added))
        return
    for rule in added.new:
        say(f"{added.path}: {rule}")
    for rule in added.before:
        say(f"{added.path} has it already: {rule}")


@notify.command(name="list")
@click.argument("target", metavar="SUBMIT_DIR", type=RUN)
@json_option
def list_command(target: Path, *, as_json: bool) -> None:
    """List the rules that hold for a run, where each stands, and the lines that are no rules.

    Those of the planner, of the submit directory, of the site's policy and yours. Sub-workflows have their own files.

    \b
    Example:
      bridle notify list run0001
      bridle notify list run0001 --json | jq '.rules[].command'

    Exit codes: 0 listed; 2 there is no such submit directory.
    """
    from planner_ext.notify import own_rules

    rules = own_rules.list_rules(run_of(target))
    if as_json:
        print_json(_listed_as_json(rules))
        return
    for line in rules:
        say(f"{line.source}: {_mark(line)}{line.text}")
    if not all(line.is_confirmed for line in rules):
        say(f"`bridle notify confirm {target}` lets the unconfirmed ones be run; a job may have written them")
    if not rules:
        say("no rules; `bridle notify add -h` says how to make some")


def _mark(line: Listed) -> str:
    if line.rule is None and line.is_confirmed:
        return "NO RULE: "
    return "" if line.is_confirmed else "NOT CONFIRMED, NOT RUN: "


@notify.command()
@click.argument("target", metavar="SUBMIT_DIR", type=RUN)
@click.option("--yes", is_flag=True, help="Do not ask: these rules are yours.")
@json_option
def confirm(target: Path, *, yes: bool, as_json: bool) -> None:
    """Let rules be run that were written into a submit directory by hand while the workflow ran, and changed scripts.

    A file that a job brings back may have any name, also that of a file with rules. So rules there hold if they stood
    there when the workflow was submitted, came by `bridle notify add`, or are confirmed: those in question are
    shown, and hold as soon as you say yes. So are the scripts in the submit directory that rules name: they are run as
    they were when these were confirmed. Sub-workflows have their own files.

    \b
    Example:
      bridle notify list run0001
      bridle notify confirm run0001
      bridle notify confirm --yes run0001

    Exit codes: 0 they hold now, or there were none; 1 you said no; 2 a file cannot be used, or nobody could be asked.
    """
    from planner_ext.notify import own_rules

    doubtful = own_rules.doubtful_files(run_of(target))
    rules = [rule for each in doubtful for rule in each.rules]
    programs = [program for each in doubtful for program in each.programs]
    if not as_json:
        for rule in rules:
            say(f"{rule.source}: {rule.text}")
        for program in programs:
            say(f"{program}: a rule names it, and it may come from a job")
    if doubtful and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask at: look at them, then add --yes")
        click.confirm("Are these yours?", abort=True, err=True)
    own_rules.confirm_files(doubtful)
    if as_json:
        shown = [_rule_as_json(rule.rule) for rule in rules if rule.rule]
        print_json({"confirmed": shown, "programs": programs})
    else:
        say("they hold now" if doubtful else "all rules hold, there is nothing to confirm")


def _added_as_json(added: Added) -> dict[str, Any]:
    return {
        "file": str(added.path),
        "added": list(added.new),
        "there_before": list(added.before),
        "notes": list(added.notes),
    }


def _listed_as_json(lines: list[Listed]) -> dict[str, Any]:
    return {
        "rules": [
            _rule_as_json(line.rule) | {"when": line.rule.word, "confirmed": line.is_confirmed}
            for line in lines
            if line.rule
        ],
        "damaged": [{"source": line.source, "what": line.text} for line in lines if not line.rule],
    }


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
        "how": rule.action.how.name.lower(),
        "command": rule.action.text,
        "source": str(rule.source),
    }
