"""What `bridle rescue` is to do, decided before anything is done. Pure, but for the Workflow that was read.

A rescue DAG is never edited and never deleted: a new one gets the next number, which DAGMan takes by itself. It must
not be an older number with higher ones set aside (as -DoRescueFrom does), because then the history would no longer
say what happened after it. What is set aside is called *.old, as DAGMan does it, but never written over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from dag_rewriter.model.graph import build_graph
from dag_rewriter.rescue.rescue_dag import (
    JOIN_NODE,
    RescueDag,
    RescueError,
    Retries,
    render_rescue,
    rescue_name,
)
from dag_rewriter.rescue.rescue_files import Workflow
from dag_rewriter.rescue.rescue_steps import SetAside, Step, Write
from dag_rewriter.rescue.run_state import NodeState, NumberedRescue, node_names

WARN_FROM = 0.9
"""From this part of the limit on, the user is told."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user may choose of a rescue."""

    now: int
    """seconds since the epoch"""
    keep_retries: bool = False
    renumber: bool = False
    """set all rescue DAGs aside and begin at 001 again"""


@dataclass(frozen=True, slots=True)
class RescuePlan:
    """Steps in their order, and what they come to. Sub-workflows come first: whenever the machine stops, they start
    afresh, or the workflow is as it was."""

    steps: tuple[Step, ...] = ()
    runs: tuple[str, ...] = ()
    """the nodes that the next run runs"""
    notes: tuple[str, ...] = ()


def plan_use(workflow: Workflow, number: int, choice: Choice) -> RescuePlan:
    """The next run goes on from rescue DAG `number`. Raises RescueError."""
    start = next((each for each in workflow.rescues if each.number == number), None)
    where = str(workflow.submit_dir.dag_file)
    if start is None:
        there = ", ".join(str(each.number) for each in workflow.rescues) or "none"
        raise RescueError(where, f"there is no rescue DAG {number}", f"there are: {there}")
    known = set(node_names(workflow.whole))
    done = [name for name in start.rescue.done if name in known]
    run_state = workflow.run_state
    steps = tuple(_follow(workflow, known - set(done), start.time, choice))
    notes = list(_vanished(start, known))
    if run_state.rescue == number and not choice.keep_retries and not choice.renumber:
        notes.append(f"the next run uses {start.name} anyway")
    else:
        origin = f"as {start.name}"
        steps += tuple(_new(workflow, RescueDag(tuple(done), start.rescue.failed, origin=origin), choice))
    return RescuePlan(steps, _others(workflow, done), (*notes, *limit_notes(workflow, choice)))


def plan_scratch(workflow: Workflow, choice: Choice) -> RescuePlan:
    """The next run runs everything. Raises RescueError if nothing has run yet."""
    if not workflow.has_run:
        raise RescueError(
            str(workflow.submit_dir.path),
            "nothing has run yet, so nothing is to be forgotten",
            "submit it with `bridle run`",
        )
    return RescuePlan(tuple(_afresh(workflow, choice)), _others(workflow, ()))


def plan_redo(
    workflow: Workflow,
    nodes: Iterable[str],
    descendants: bool,
    choice: Choice,
    also: Collection[str] = (),
) -> RescuePlan:
    """The next run runs `nodes` again, and whatever is not done; `S/X` is the node X of the sub-workflow S, which goes
    on inside. `also` are nodes without what depends on them. Raises RescueError, UnknownNodeError."""
    if not workflow.has_run:
        raise RescueError(str(workflow.submit_dir.path), "nothing has run yet", "submit it with `bridle run`")
    _refuse_untold(workflow)
    graph = build_graph(workflow.whole)
    own, inner = _by_workflow(workflow, nodes)
    chosen = (*own, *(name for name in inner if name not in own))
    below = graph.descendants(chosen)  # refuses unknown names
    own_also, inner_also = _by_workflow(workflow, also)
    again = {*chosen, *(below if descendants else ()), *own_also}
    afresh = {*own, *(graph.descendants(own) if descendants else ()), *own_also}
    inside = {
        name: plan_redo(workflow.children[name], names, descendants, choice, inner_also.get(name, ()))
        for name, names in inner.items()
        if name not in afresh
    }
    done = [name for name in workflow.run_state.of(NodeState.DONE) if name not in again]
    origin = f"redo of {' '.join(chosen[:5])}{' ...' if len(chosen) > 5 else ''}"
    steps = [step for plan in inside.values() for step in plan.steps]
    steps += [
        step
        for name in again
        if name in workflow.children and name not in inside
        for step in _if_run(workflow.children[name], choice)
    ]
    steps += _new(workflow, RescueDag(tuple(done), origin=origin), choice)
    stale = [name for name in below if name in done]
    notes = [f"in {name}: {note}" for name, plan in inside.items() for note in plan.notes]
    if stale:
        notes.append(
            f"{len(stale)} nodes that depend on them stay done ({stale[0]} ...): --with-descendants runs them too"
        )
    notes += [note for note in limit_notes(workflow, choice) if not any(note in each for each in notes)]
    runs = [f"{name}/{node}" for name, plan in inside.items() for node in plan.runs]
    return RescuePlan(tuple(steps), (*_others(workflow, done), *runs), tuple(notes))


def _refuse_untold(workflow: Workflow) -> None:
    """A rescue DAG that marks nothing as done would make everything run again, which nobody has asked for."""
    if workflow.is_untold:
        submit_dir = workflow.submit_dir
        what = f"it has run, and nothing that is left says which nodes of {submit_dir.dag} are done"
        name = rescue_name(submit_dir.rescue_base, 1)
        hint = (
            f"`bridle rescue scratch SUBMIT_DIR` has the next run run everything; or write {name} yourself, with a "
            "line `DONE NODE` for each node that is not to run again"
        )
        raise RescueError(str(submit_dir.dag_file), what, hint)


def _by_workflow(workflow: Workflow, nodes: Iterable[str]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """The nodes of this workflow, and those of sub-workflows by the node that runs them."""
    own: list[str] = []
    inner: dict[str, list[str]] = {}
    known = {name for part in workflow.whole.parts for name in part.names(range(len(part.dag.nodes)))}
    for name in nodes:
        first, slash, rest = name.partition("/")
        if slash and first in workflow.children and name not in known:
            inner.setdefault(first, []).append(rest)
        else:
            own.append(name)
    return tuple(own), inner


def plan_resume(workflow: Workflow, choice: Choice) -> RescuePlan:
    """The next run goes on where the last one is, though its DAGMan died, or was removed while it was held.

    What that left of a lock is set aside, also below: a DAGMan that finds one recovers, waits for jobs that are gone
    with it, and takes those that were removed for failed. Where no rescue DAG says what is done, one is made from the
    log. Raises RescueError.
    """
    run_state = workflow.run_state
    done = set(run_state.of(NodeState.DONE))
    steps: list[Step] = []
    for name, child in workflow.children.items():
        if name not in done:
            steps += plan_resume(child, choice).steps
    if not workflow.has_lock:
        return RescuePlan(tuple(steps), _others(workflow, done))
    if run_state.rescue is not None:
        steps.append(_lock_aside(workflow, set(workflow.set_aside)))
    else:
        kept = tuple(name for name in node_names(workflow.whole) if name in done)
        steps += _new(workflow, RescueDag(kept, origin="resume where the log ends"), choice)
    return RescuePlan(tuple(steps), _others(workflow, done), tuple(limit_notes(workflow, choice)))


def limit_notes(workflow: Workflow, choice: Choice | None = None) -> Iterator[str]:
    """A word before DAGMan's limit on rescue DAGs bites, for this workflow and those below it."""
    for each in workflow.in_all():
        highest = each.rescues[-1].number if each.rescues else 0
        if highest >= WARN_FROM * each.limit and not (choice is not None and choice.renumber):
            yield (
                f"{each.submit_dir.dag}: rescue DAG {highest} of at most {each.limit}; at the limit DAGMan writes over "
                "the last one: `bridle rescue use SUBMIT_DIR N --renumber` sets them aside and begins at 001 again"
            )


def _others(workflow: Workflow, done: Collection[str]) -> tuple[str, ...]:
    done = workflow.whole.done().union(done)
    return tuple(name for name in node_names(workflow.whole) if name not in done)


def _vanished(start: NumberedRescue, known: Collection[str]) -> Iterator[str]:
    """DAGMan refuses to run at all for a DONE line of a node that is not there."""
    gone = [name for name in start.rescue.done if name not in known and not name.startswith(JOIN_NODE)]
    if gone:
        yield f"{start.name} names {len(gone)} nodes that the DAG no longer has ({gone[0]} ...): they are left out"


def _follow(workflow: Workflow, nodes: Collection[str], at: int, choice: Choice) -> Iterator[Step]:
    """Sub-workflows that will run again go back to where they stood at that time."""
    for name, child in workflow.children.items():
        if name not in nodes or not child.has_run:
            continue
        then = [each for each in child.rescues if each.time <= at]
        if not then:
            yield from _afresh(child, choice)
            continue
        yield from plan_use(child, then[-1].number, choice).steps


def _if_run(workflow: Workflow, choice: Choice) -> Iterator[Step]:
    if workflow.has_run:
        yield from _afresh(workflow, choice)


def _afresh(workflow: Workflow, choice: Choice) -> Iterator[Step]:
    """All rescue DAGs out of the way, and one without a DONE line: it makes DAGMan go on counting attempts where its
    log ends (JobstateLog::InitializeRescue), where a plain start would begin at 1 again."""
    for child in workflow.children.values():
        yield from _if_run(child, choice)
    fresh = replace(choice, renumber=True, keep_retries=False)
    yield from _new(workflow, RescueDag(origin="scratch"), fresh)


def _new(workflow: Workflow, rescue: RescueDag, choice: Choice) -> Iterator[Step]:
    """One more rescue DAG; DAGMan's join nodes are left out of it, so that they wait for what runs again."""
    path, dag = workflow.submit_dir.path, workflow.submit_dir.rescue_base
    taken = set(workflow.set_aside)
    number = workflow.rescues[-1].number + 1 if workflow.rescues else 1
    if choice.renumber:
        for each in workflow.rescues:  # the highest last: until then it is what the next run uses
            yield SetAside(path / each.name, path / _free(f"{each.name}.old", taken))
        number = 1
    elif number > workflow.limit:
        what = f"there are rescue DAGs up to {number - 1}, and DAGMan reads none above {workflow.limit}"
        raise RescueError(
            str(workflow.submit_dir.dag_file), what, "add --renumber: it sets them aside as *.old"
        )
    if workflow.has_lock:  # of a DAGMan that died: the next one would recover from its log instead
        yield _lock_aside(workflow, taken)
    retries = _retries(workflow, set(rescue.done)) if choice.keep_retries else {}
    made = replace(rescue, created=choice.now, total=workflow.whole.count(), retries=retries)
    yield Write(path / rescue_name(dag, number), render_rescue(made, dag))


def _lock_aside(workflow: Workflow, taken: set[str]) -> Step:
    lock = workflow.submit_dir.dagman_lock
    return SetAside(lock, lock.with_name(_free(f"{lock.name}.old", taken)))


def _free(name: str, taken: set[str]) -> str:
    """A name that no file has."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}.{count}"
    taken.add(free)
    return free


def _retries(workflow: Workflow, done: Collection[str]) -> dict[str, Retries]:
    """What DAGMan writes with DAGMAN_RESET_RETRIES_UPON_RESCUE = False: retries that were used stay used."""
    used = workflow.rescues[-1].rescue.retries if workflow.rescues else {}
    counted = workflow.run_state.rescue is not None  # then the newest rescue DAG knows of the last run
    left: dict[str, Retries] = {}
    for node in workflow.whole.nodes():
        if node.name in done or node.retries <= 0 or node.name == workflow.whole.monitor:
            continue
        before = used[node.name].left if node.name in used else node.retries
        attempts = workflow.history.nodes.get(node.name)
        spent = (
            0 if attempts is None or (counted and node.name in used) else max(0, len(attempts.numbers) - 1)
        )
        left[node.name] = Retries(max(0, before - spent), node.unless_exit, node.retries)
    return left
