"""`bridle categories` and `bridle throttle`: parse, call one function, print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from condor_templates.policy_file import UNLIMITED, parse_setting
from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.rewriting.limits import Categories, read_categories
from planner_ext.operations.live_limits import Effect, Stage, Tuned, tune
from planner_ext.operations.throttle import Throttles, set_throttles, show_throttles

_LEAST = click.IntRange(min=0)


@click.command()
@click.argument("submit_dir", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="CATEGORY=LIMIT",
    help=f"Change a limit, also while the workflow runs; {UNLIMITED} takes it away. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def categories(submit_dir: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Show the categories of a DAG: nodes, limits and who set them; or change limits.

    A limit is the number of nodes of the category that are submitted at once. With --set, the DAGMan of a running
    workflow is held and released to read it anew: nodes that run go on, none is lost, none runs twice.

    \b
    Example:
      bridle categories run0001
      bridle categories run0001 --set cleanup=10 --set stagein=40

    \b
    Exit codes: 0 shown, or changed; 1 the schedd or DAGMan did not do its part, the message says how things
    stand; 2 no such category, limit or directory, nothing was changed.
    """
    opened = open_submit_dir(submit_dir)
    if not settings:
        _show(read_categories(opened), as_json)
        return
    wanted = dict(parse_setting(text) for text in settings)
    with _progress(quiet=as_json) as tell:
        tuned = tune(opened, wanted, tell)
    if as_json:
        found = asdict(tuned) | {"effect": tuned.effect.name.lower(), "seconds": round(tuned.seconds, 2)}
        click.echo(json.dumps(found, indent=2))
    else:
        for line in tuned_lines(tuned):
            click.echo(line)


def _show(found: Categories, as_json: bool) -> None:
    if as_json:
        states = [asdict(state) for state in found.states]
        click.echo(json.dumps({"rewritten": found.rewritten, "categories": states}, indent=2))
        return
    rows = [("category", "nodes", "limit", "from")]
    rows += [
        (s.name, str(s.nodes), UNLIMITED if s.limit is None else str(s.limit), s.source) for s in found.states
    ]
    for line in table(rows):
        # A category's name may be no UTF-8.
        click.echo(line.encode("utf-8", "surrogateescape"))
    if not found.rewritten:
        click.echo("The DAG is not rewritten yet: so it will be after `bridle rewrite`.")


def table(rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    """Rows in columns, numbers to the right.

    >>> list(table([("category", "nodes", "limit", "from"), ("cleanup", "12", "4", "me")]))
    ['category  nodes  limit  from', 'cleanup      12      4  me']
    """
    first, second, third = (max(len(row[column]) for row in rows) for column in range(3))
    for name, nodes, limit, source in rows:
        yield f"{name:{first}}  {nodes:>{second}}  {limit:>{third}}  {source}"


def tuned_lines(tuned: Tuned) -> Iterator[str]:
    """What was done, for people."""
    for change in tuned.changes:
        before, after = (UNLIMITED if n is None else n for n in (change.before, change.after))
        yield f"{change.category}: {before} -> {after}"
    if tuned.effect is Effect.NOW:
        yield f"in force: DAGMan job {tuned.job} was away for {tuned.seconds:.1f} s, its nodes went on"
    else:
        yield tuned.effect.value


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Stage], None]]:
    """A spinner on a terminal, lines on stderr elsewhere."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, quiet=quiet)
    if not console.is_terminal:
        yield lambda stage: console.print(stage.value, soft_wrap=True)
        return
    with console.status("") as status:
        yield lambda stage: status.update(stage.value)


@click.command()
@click.argument("submit_dir", type=click.Path(path_type=Path))
@click.option("--nodes", type=_LEAST, help="Nodes that are submitted at once.")
@click.option("--idle", type=_LEAST, help="Jobs that wait in the queue before DAGMan submits no more.")
@click.option("--pre", type=_LEAST, help="PRE scripts at once.")
@click.option("--post", type=_LEAST, help="POST scripts at once.")
@click.option("--hold", type=_LEAST, help="HOLD scripts at once.")
@click.option("--submits", type=_LEAST, help="Submissions in one cycle of DAGMan's.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def throttle(submit_dir: Path, as_json: bool, **wanted: int | None) -> None:
    """Show or change the throttles of a running DAGMan, for all its nodes together.

    They take effect at once (a DAGMan of 23 looks for them every DAGMAN_QUEUE_UPDATE_INTERVAL, 300 s) and end with
    this DAGMan. 0 is no limit. Limits of categories: `bridle categories`.

    \b
    Example:
      bridle throttle run0001
      bridle throttle run0001 --nodes 50 --idle 20

    \b
    Exit codes: 0 shown, or changed; 1 DAGMan did not take them; 2 no such directory, or no DAGMan runs it.
    """
    opened = open_submit_dir(submit_dir)
    limits = {word: number for word, number in wanted.items() if number is not None}
    found = set_throttles(opened, limits) if limits else show_throttles(opened)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        for line in throttle_lines(found):
            click.echo(line)


def throttle_lines(found: Throttles) -> Iterator[str]:
    """The throttles, for people.

    >>> list(throttle_lines(Throttles("7.0", {"nodes": 0, "idle": 20}, "25.14.1", "shown")))
    ['DAGMan job 7.0 (HTCondor 25.14.1)', 'nodes  unlimited', 'idle   20']
    """
    yield f"DAGMan job {found.job} (HTCondor {found.version})"
    width = max((len(word) for word in found.throttles), default=0)
    for word, number in found.throttles.items():
        yield f"{word:{width}}  {number or UNLIMITED}"
    if found.within_seconds:
        yield f"DAGMan {found.version} looks for changes every {found.within_seconds} s"
