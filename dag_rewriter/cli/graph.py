"""`bridle graph`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from condor_templates.state_words import StateWord
from condor_templates.terminal import put_out, say
from dag_rewriter import files
from dag_rewriter.cli.common import dag_argument, json_option, print_json
from dag_rewriter.cli.completion import complete_nodes
from dag_rewriter.directory.locate import as_submitted, open_target, read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.model.graph import DagGraph, build_graph
from dag_rewriter.model.graph_draw import as_dot, as_svg
from dag_rewriter.model.splices import WholeDag

_LIMIT = 500
"""So many nodes make a picture of some 100 kB in which one still finds something."""
_MOST = 12


@click.command()
@dag_argument
@click.option("--levels", is_flag=True, help="All nodes, one line for each level.")
@click.option("--critical-path", is_flag=True, help="The critical path, a node on each line.")
@click.option(
    "--ancestors",
    metavar="NODE",
    multiple=True,
    shell_complete=complete_nodes,
    help="What NODE depends on, a node on each line.",
)
@click.option(
    "--descendants",
    metavar="NODE",
    multiple=True,
    shell_complete=complete_nodes,
    help="What depends on NODE, a node on each line.",
)
@click.option("--dot", "dot", metavar="FILE", help="Write the graph for graphviz; - is standard output.")
@click.option(
    "--svg",
    "svg",
    metavar="FILE",
    help="Draw it, with the critical path in red, and a colour for where each node stands; - is standard output.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=_LIMIT, show_default=True, help="Most nodes of --svg."
)
@json_option
def graph(
    target: Path,
    levels: bool,
    critical_path: bool,
    ancestors: tuple[str, ...],
    descendants: tuple[str, ...],
    dot: str | None,
    svg: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Ask the graph of a DAG: levels, critical path, dependencies; draw it.

    Splices and includes are put in: a node of a splice is called SPLICE+NODE. FINAL, SERVICE and PROVISIONER
    nodes have no place in the graph.

    \b
    Example:
      bridle graph runs/mosaic/run0001
      bridle graph runs/mosaic/run0001 --descendants project_ID07
      bridle graph runs/mosaic/run0001 --svg mosaic.svg

    Exit codes: 0 done; 2 the DAG cannot be used, has no such node, has a cycle where levels are asked for, or is
    too large to be drawn.
    """
    submit_dir = open_target(target)
    whole = read_whole(submit_dir)
    built = build_graph(whole)
    if dot is not None or svg is not None:
        _draw(built, dot, svg, limit, submit_dir)
        return
    asked = {
        "levels": built.levels if levels else None,
        "critical_path": built.critical_path if critical_path else None,
        "ancestors": (lambda: built.ancestors(ancestors)) if ancestors else None,
        "descendants": (lambda: built.descendants(descendants)) if descendants else None,
    }
    answers = {name: answer() for name, answer in asked.items() if answer is not None}
    if as_json:
        print_json({**_summary(whole, built), **answers})
    else:
        say("\n".join(_lines(answers) if answers else _summary_lines(whole, built)))


def _draw(built: DagGraph, dot: str | None, svg: str | None, limit: int, submit_dir: SubmitDir) -> None:
    if dot is not None:
        _write(dot, as_dot(built))
    if svg is None:
        return
    if len(built) > limit:
        what = f"{len(built)} nodes make no picture that one can read (the limit is {limit})"
        hint = "draw it all the same with a higher --limit, or take --levels"
        raise RewriterError(built.source, what, hint)
    _write(svg, as_svg(built, built.critical_path(), _states(submit_dir)))


def _states(submit_dir: SubmitDir) -> dict[str, str]:
    """Where the nodes stand, in words; of a DAG that never ran, nothing."""
    from dag_rewriter.rescue.rescue_files import read_workflow
    from dag_rewriter.rescue.run_state import NodeState

    run, prefix = _as_submitted(submit_dir)
    workflow = read_workflow(run)
    if not workflow.has_run:
        return {}
    words = {
        NodeState.DONE: StateWord.DONE,
        NodeState.FAILED: StateWord.FAILED,
        NodeState.INTERRUPTED: StateWord.RUNNING if workflow.has_lock else StateWord.INTERRUPTED,
        NodeState.AGAIN: StateWord.AGAIN,
        NodeState.NEVER: StateWord.NOT_STARTED,
    }
    return {
        name.removeprefix(prefix): words[state].value
        for name, state in workflow.run_state.nodes.items()
        if name.startswith(prefix)
    }


def _as_submitted(submit_dir: SubmitDir) -> tuple[SubmitDir, str]:
    """The run that the DAG is of, and what its nodes' names begin with there: DAGs may be submitted as one."""
    run, here = as_submitted(submit_dir), submit_dir.dag_file.resolve()
    if run is submit_dir:
        return submit_dir, ""
    numbers = (number for number, dag in enumerate(run.places.dags) if (run.start / dag).resolve() == here)
    number = next(numbers, None)
    return (submit_dir, "") if number is None else (run, f"{number}.")


def _write(name: str, text: str) -> None:
    if name == "-":
        put_out(text)
    else:
        files.replace(Path(name).absolute(), text.encode("utf-8", "surrogateescape"))


def _summary(whole: WholeDag, built: DagGraph) -> dict[str, Any]:
    sizes = [len(level) for level in built.levels()]
    return {
        "dag": built.source,
        "nodes": len(built),
        "edges": built.edge_count,
        "splices": len(whole.parts) - 1,
        "height": len(sizes),
        "width": max(sizes, default=0),
        "level_sizes": sizes,
        "roots": built.roots(),
        "leaves": built.leaves(),
    }


def _summary_lines(whole: WholeDag, built: DagGraph) -> Iterator[str]:
    facts = _summary(whole, built)
    splices = f", {facts['splices']} splices put in" if facts["splices"] else ""
    yield f"{facts['dag']}: {facts['nodes']} nodes, {facts['edges']} edges{splices}"
    yield f"{facts['height']} levels, at most {facts['width']} nodes side by side"
    for title in ("roots", "leaves"):
        yield f"{title}: {_some(facts[title])}"
    yield f"critical path: {' -> '.join(built.critical_path())}"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _lines(answers: dict[str, Any]) -> Iterator[str]:
    for number, level in enumerate(answers.pop("levels", ()), 1):
        yield f"{number}: {' '.join(level)}"
    seen: set[str] = set()
    for names in answers.values():
        yield from (name for name in names if name not in seen)
        seen.update(names)
