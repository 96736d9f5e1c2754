"""`bridle categories`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.policy_file import UNLIMITED, parse_setting
from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json, submit_dir_argument
from dag_rewriter.cli.completion import complete_limits
from dag_rewriter.directory.locate import open_target

if TYPE_CHECKING:
    from dag_rewriter.rewriting.limits import Categories
    from planner_ext.operations.live_limits import LimitsChanged, Stage


@click.command()
@submit_dir_argument
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="CATEGORY=LIMIT",
    shell_complete=complete_limits,
    help=f"Change a limit, also while the workflow runs; {UNLIMITED} takes it away. May be repeated.",
)
@json_option
def categories(submit_dir: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Show or change the limits of a DAG's categories.

    A limit is the number of nodes of the category that are submitted at once; shown are also the nodes, and who set it.
    With --set, the DAGMan of a running workflow is held and released to read it anew: nodes that run go on, none is
    lost, none runs twice.

    \b
    Example:
      bridle categories run0001
      bridle categories run0001 --set cleanup=10 --set stagein=40

    \b
    Exit codes: 0 shown, or changed; 1 the schedd or DAGMan did not do its part, the message says how things
    stand; 2 no such category, limit or directory, nothing was changed.
    """
    from dag_rewriter.rewriting.limits import read_categories
    from planner_ext.operations.live_limits import change_limits

    opened = open_target(submit_dir)
    if not settings:
        _show(read_categories(opened), as_json)
        return
    wanted = dict(parse_setting(text) for text in settings)
    with _progress(quiet=as_json) as tell:
        done = change_limits(opened, wanted, tell)
    if as_json:
        print_json(asdict(done) | {"effect": done.effect.name.lower(), "seconds": round(done.seconds, 2)})
    else:
        for line in change_lines(done):
            say(line)


def _show(shown: Categories, as_json: bool) -> None:
    if as_json:
        states = [asdict(state) for state in shown.states]
        print_json({"rewritten": shown.rewritten, "categories": states})
        return
    rows = [("category", "nodes", "limit", "from")]
    rows += [
        (s.name, str(s.nodes), UNLIMITED if s.limit is None else str(s.limit), s.source) for s in shown.states
    ]
    for line in table(rows):
        say(line)
    if not shown.rewritten:
        say("The DAG is not rewritten yet: so it will be after `bridle rewrite`.")


def table(rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    """Rows in columns, numbers to the right.

    >>> list(table([("category", "nodes", "limit", "from"), ("cleanup", "12", "4", "me")]))
    ['category  nodes  limit  from', 'cleanup      12      4  me']
    """
    first, second, third = (max(len(row[column]) for row in rows) for column in range(3))
    for name, nodes, limit, source in rows:
        yield f"{name:{first}}  {nodes:>{second}}  {limit:>{third}}  {source}"


def change_lines(done: LimitsChanged) -> Iterator[str]:
    """What was done, for people."""
    from planner_ext.operations.live_limits import Effect

    for change in done.changes:
        before, after = (UNLIMITED if n is None else n for n in (change.before, change.after))
        yield f"{change.category}: {before} -> {after}"
    if done.effect is Effect.NOW:
        yield f"in force: DAGMan job {done.job} was away for {done.seconds:.1f} s, its nodes went on"
    else:
        yield done.effect.value


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Stage], None]]:
    """A spinner on a terminal, lines on stderr elsewhere."""
    from condor_templates.printable_console import PrintableConsole

    console = PrintableConsole(stderr=True, quiet=quiet)
    if not console.is_terminal:
        yield lambda stage: console.print(stage.value, soft_wrap=True)
        return
    with console.status("") as status:
        yield lambda stage: status.update(stage.value)
