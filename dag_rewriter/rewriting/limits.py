"""The limits of categories: which hold in a submit directory, and how one is changed in its DAG.

To change a limit touches nothing else of the DAG, so that it may be done while DAGMan runs, which reads the file
again when it recovers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from condor_templates.did_you_mean import did_you_mean
from dag_rewriter import files
from dag_rewriter.categories.categories import (
    SET_BY_COMMAND,
    UNLIMITED,
    CategoryState,
    categories_of,
    lines_of_limits,
    settings_in,
)
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.commands import Category, MaxJobs
from dag_rewriter.language.syntax import parse_command, render_command
from dag_rewriter.language.text import text_of
from dag_rewriter.model import block
from dag_rewriter.model.dag import parse_dag
from dag_rewriter.rewriting import originals
from dag_rewriter.rewriting.rewrite import plan_for


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of a DAG; `rewritten` False: as they will be after `bridle rewrite`."""

    states: tuple[CategoryState, ...]
    rewritten: bool


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One limit, before and after; None is no limit."""

    category: str
    before: int | None
    after: int | None


def read_categories(submit_dir: SubmitDir) -> Categories:
    """All categories of the DAG, their nodes, their limits and who set them."""
    planned = plan_for(submit_dir)
    states = categories_of(planned.dag, planned.context.categories)
    our_block = planned.parts.block
    del planned  # a million nodes twice are too much at once
    if our_block is None:
        return Categories(states, rewritten=False)
    # What stands in the DAG counts, whatever the policy says now: DAGMan reads the DAG.
    stands = parse_dag(files.read(submit_dir.dag_file), submit_dir.dag)
    inside = [parse_command(line) for line in _lines_inside(our_block)]
    moved = {c.node for c in inside if isinstance(c, Category)}
    own = {c.category for c in inside if isinstance(c, MaxJobs)}
    nodes, added = stands.count_categories(), stands.count_categories(moved)
    expected = {state.name: state for state in states}
    states_now = []
    for name in sorted({*nodes, *stands.max_jobs, *settings_in(our_block)}):
        limit = stands.max_jobs.get(name)
        wanted = expected.get(name)
        if wanted is not None and wanted.limit == limit:
            source = wanted.source
        else:
            source = "the policy of the last rewrite" if name in own else f"MAXJOBS in {submit_dir.dag}"
        states_now.append(CategoryState(name, nodes[name], limit, source, added[name], name not in own))
    return Categories(tuple(states_now), rewritten=True)


def check_known(submit_dir: SubmitDir, names: Iterable[str]) -> None:
    """RewriterError for a category that no node is in and that has no limit: a slip of the pen."""
    data = files.read(submit_dir.dag_file)
    our_block = originals.take_apart(submit_dir, data).block
    dag = parse_dag(data, str(submit_dir.dag_file))
    known = {*dag.used_categories(), *dag.max_jobs, *settings_in(our_block)}
    names = tuple(names)
    if our_block is None and not known.issuperset(names):
        # A rewrite may bring it: only then all submit files are read.
        known = {state.name for state in read_categories(submit_dir).states}
    for name in names:
        if name not in known:
            has = ", ".join(sorted(known)) or "none"
            hint = did_you_mean(name, known) or "mind the case"
            raise RewriterError(f"--set {name}", f"the DAG has no such category (it has {has})", hint)


def with_limits(data: bytes, limits: Mapping[str, int | None]) -> bytes:
    """A DAG with other limits for some categories (None: no limit), and nothing else changed.

    Our block holds them; a MAXJOBS line of the planner or the user goes out of use, and comes back with an undo.

    >>> print(with_limits(b"JOB a a.sub\\nMAXJOBS cleanup 4\\n", {"cleanup": 9}).decode().split("\\n")[1])
    #bridle: MAXJOBS cleanup 4
    """
    parts = block.split(data)
    wanted = {name: limit.number for name, limit in settings_in(parts.block).items()} | dict(limits)
    inside = [line for line in _lines_inside(parts.block) if not _limits_one_of(line, wanted)]
    lines = [
        f"# {SET_BY_COMMAND} {name}={UNLIMITED if number is None else number}"
        for name, number in wanted.items()
    ]
    lines += [render_command(MaxJobs(n, number)) for n, number in wanted.items() if number is not None]
    # Where a rewrite puts them, which then finds nothing to change.
    at = next((number for number, line in enumerate(inside) if _is_of_categories(line)), len(inside))
    again = lines_of_limits(parts.original, frozenset(limits))
    return block.compose(parts.original, [*inside[:at], *lines, *inside[at:]], {*_out_of_use(data), *again})


def _lines_inside(our_block: bytes | None) -> list[str]:
    return [] if our_block is None else text_of(our_block).rstrip("\n").split("\n")[1:-1]


def _is_of_categories(line: str) -> bool:
    """Whether the categories pass wrote it; a monitor that is a JOB may have a category of its own."""
    command = parse_command(line) if line[:1].isalpha() else None
    if isinstance(command, Category):
        return command.node != command.category
    return isinstance(command, MaxJobs)


def _limits_one_of(line: str, limits: Mapping[str, int | None]) -> bool:
    if line.startswith(f"# {SET_BY_COMMAND} "):
        return line.removeprefix(f"# {SET_BY_COMMAND} ").rpartition("=")[0] in limits
    command = parse_command(line) if line[:1].isalpha() else None
    return isinstance(command, MaxJobs) and command.category in limits


def _out_of_use(data: bytes) -> set[int]:
    """The line numbers, without our block, of the lines that are out of use now."""
    if block.DISABLED not in data:
        return set()
    ours = block.lines_of(data)
    lines = [line for number, line in enumerate(data.split(b"\n"), 1) if number not in ours]
    return {number for number, line in enumerate(lines, 1) if line.startswith(block.DISABLED)}


@dataclass(frozen=True, slots=True)
class Edit:
    """The DAG before and after, and what that changes."""

    before: bytes
    after: bytes
    changes: tuple[LimitChange, ...]


def write_limits(submit_dir: SubmitDir, limits: Mapping[str, int | None]) -> Edit:
    """Changes limits in the DAG file, at once and lasting, whether DAGMan runs or not."""
    before = files.read(submit_dir.dag_file)
    parts = originals.take_apart(submit_dir, before)
    block.check_complete(parts.original, str(submit_dir.dag_file))
    now = parse_dag(before, str(submit_dir.dag_file)).max_jobs
    edit = Edit(
        before,
        with_limits(before, limits),
        tuple(LimitChange(name, now.get(name), number) for name, number in limits.items()),
    )
    for path, content in originals.copies(submit_dir, parts):
        files.replace(path, content)
    files.replace(submit_dir.dag_file, edit.after)
    return edit


def take_back(submit_dir: SubmitDir, edit: Edit) -> None:
    """The DAG as it was before `write_limits`, unless somebody else has changed it since."""
    if files.read(submit_dir.dag_file) == edit.after:
        files.replace(submit_dir.dag_file, edit.before)
