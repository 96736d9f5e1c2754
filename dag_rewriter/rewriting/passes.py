"""What bridle adds to a DAG: one pure function per concern, `(Dag, Context) -> Change`, in the order of
PASSES.

A pass sees the DAG without our block and says what the block must hold, so to rewrite twice is to rewrite
once. What the user or the planner wrote always wins: a pass that finds its line already there adds nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias

from condor_templates.dagman_config import SPARING
from condor_templates.monitor_policy import Universe
from condor_templates.policy import MonitorKind
from dag_rewriter.categories.categories import CategoryRequest, assigned, changes_for, lines_of_limits
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.commands import (
    Category,
    Command,
    Config,
    JobstateLog,
    NodeCommand,
    NodeKind,
    Other,
    Priority,
    Retry,
    SetJobAttr,
    Vars,
)
from dag_rewriter.language.syntax import keywords_for_all_nodes, render_command
from dag_rewriter.language.text import text_of
from dag_rewriter.metrics.dag_metrics import UNASSIGNED, DagMetrics, render_metrics
from dag_rewriter.model import block
from dag_rewriter.model.dag import Dag
from dag_rewriter.rescue.rescue_dag import RescueFile
from dag_rewriter.rewriting import rescue_lines

MONITOR = "bridle_monitor"


@dataclass(frozen=True, slots=True)
class MetricFiles:
    """What the DAG is made of, before the categories pass, and where that is to stand."""

    name: str
    counted: DagMetrics
    planners: tuple[tuple[str, bytes], ...] = ()
    """(name, content) of the metrics that a planner leaves, where none did"""


@dataclass(frozen=True, slots=True)
class SubDagmans:
    """Nodes that plan and run a sub-workflow."""

    script: str
    """what they are to run in place of `dagman`, as absolute paths"""
    dagman: str
    paths: frozenset[str]
    """their submit files"""


@dataclass(frozen=True, slots=True)
class Context:
    """What the passes need to know beside the DAG."""

    monitor_submit: str
    """the monitor's submit file, as the DAG shall name it"""
    config: str
    jobstate_log: str
    categories: CategoryRequest = field(default_factory=CategoryRequest)
    monitor: MonitorKind | None = MonitorKind.SERVICE
    """None for a sub-workflow: the monitor of the root workflow follows it"""
    priority: int = 1
    """above every other node's; only a JOB can have one"""
    original: bytes = b""
    """the DAG without our block"""
    rescue: RescueFile | None = None
    """the rescue DAG that DAGMan would start from"""
    metrics: MetricFiles | None = None
    sub_dagmans: SubDagmans | None = None
    chosen: frozenset[str] = frozenset()
    """the passes that are to run; empty: all"""


@dataclass(frozen=True, slots=True)
class Change:
    """What a pass wants: commands for the block, lines of the DAG (from 1) that go out of use, files (by their
    names in the submit directory) that must be there before the DAG is.
    """

    added: tuple[Command, ...] = ()
    disabled: tuple[int, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    notes: tuple[str, ...] = ()


Pass: TypeAlias = Callable[[Dag, Context], Change]


def monitor_name(*taken: Container[str]) -> str:
    """The name of the monitor's node, made unique.

    >>> monitor_name(["bridle_monitor", "bridle_monitor_2"])
    'bridle_monitor_3'
    """
    name, number = MONITOR, 1
    while any(name in names for names in taken):
        number += 1
        name = f"{MONITOR}_{number}"
    return name


def add_monitor(dag: Dag, context: Context) -> Change:
    """The monitor's node: a SERVICE, which DAGMan never waits for, or an ordinary JOB above all others."""
    if context.monitor is None:
        return Change()
    name = monitor_name(dag.splices, dag.nodes)
    if context.monitor is MonitorKind.JOB:
        return _as_job(name, context)
    # Submitted with the first nodes; the configuration lets it outlive DAGMan. To DAGMan its priority is 0 and cannot
    # be another: ready nodes with a higher one are submitted before it, and with -maxjobs 1 it was never (seen,
    # 25.14.1). The configuration lowers theirs where that has no other effect.
    return Change((NodeCommand(NodeKind.SERVICE, name, context.monitor_submit),))


def _as_job(name: str, context: Context) -> Change:
    """An ordinary node, which DAGMan waits for: submitted first, never tried again, in no category."""
    every = keywords_for_all_nodes(context.original)
    hindrance = next((word for word in ("SCRIPT", "ABORT-DAG-ON", "PRE_SKIP") if word in every), None)
    if hindrance is not None:
        what = f"{hindrance} ALL_NODES would be about the monitor too, and change how it ends"
        raise RewriterError(context.monitor_submit, what, "name the nodes in that line, or use --as service")
    added: list[Command] = [
        NodeCommand(NodeKind.JOB, name, context.monitor_submit),
        # Also where RETRY ALL_NODES stands: if it leaves because nodes failed, it would say so again.
        Retry(name, 0),
        Priority(name, context.priority),
    ]
    if "CATEGORY" in every:
        # A category of its own, without a limit, is the only way out of that of ALL_NODES.
        added.append(Category(name, name))
    return Change(tuple(added))


def add_jobstate_log(dag: Dag, context: Context) -> Change:
    """DAGMan's own record of what happened; the user's is followed if there is one."""
    return Change() if dag.jobstate_log is not None else Change((JobstateLog(context.jobstate_log),))


def add_configuration(dag: Dag, context: Context) -> Change:
    """DAGMan accepts one CONFIG, so ours includes the user's, and the user's line goes out of use."""
    if context.monitor is None:
        return Change()
    # condor_submit_dag gives DAGMan a list of variables and no others, and DAGMan's jobs get what it has.
    environment = (Other("ENV GET BRIDLE_*"), Other(_RUN_AGAIN))
    # As a JOB it is waited for, and what DAGMan removes when it aborts the DAG it may wait for too.
    is_free = b"SET_JOB_ATTR" not in dag.index.lines or not _says_what_to_remove(context.original)
    outlives = (SetJobAttr(SPARING),) if context.monitor is MonitorKind.SERVICE and is_free else ()
    return Change((Config(context.config), *environment, *outlives), dag.config_lines)


_says_what_to_remove = re.compile(
    rb"^[ \t]*SET_JOB_ATTR[ \t]+\+?OtherJobRemoveRequirements\b", re.IGNORECASE | re.MULTILINE
).search

# HTCondor's 114, and 4: a job that had ended when its schedd died, which did not know that yet, is run again. Without
# it the DAGMan that recovers aborts the DAG (seen, 23.9.6 and 25.14.1). In the environment, which the DAGMans of
# sub-workflows get, too.
_RUN_AGAIN = "ENV SET _CONDOR_DAGMAN_ALLOW_EVENTS=118"


def rewrite_sub_workflows(dag: Dag, context: Context) -> Change:
    """Sub-workflows that their nodes plan, while the workflow runs, are rewritten before their DAGMan starts."""
    below = context.sub_dagmans
    if below is None:
        return Change()
    # APPEND: after the submit file, whose own executable is the planner's.
    ours = f'APPEND executable="{below.script}"'
    return Change(tuple(Vars(node, ours) for node, path, _ in dag.submit_files() if path in below.paths))


def add_categories(dag: Dag, context: Context) -> Change:
    """Categories for nodes that have none, limits for categories that have none, and what was set by command."""
    change = changes_for(dag, context.categories)
    return Change(change.added, lines_of_limits(context.original, change.replaced))


def add_metrics(dag: Dag, context: Context) -> Change:
    """What the DAG is made of, with the categories that it is given; and the planner's metrics, if there are none."""
    metrics = context.metrics
    if metrics is None:
        return Change()
    counted = metrics.counted
    if not context.chosen or "categories" in context.chosen:
        moved = Counter(category for _, category in assigned(dag, context.categories))
        categories = Counter(counted.categories) + moved
        categories[UNASSIGNED] -= moved.total()
        # + () drops what is 0.
        counted = replace(counted, categories=dict((+categories).most_common()))
    return Change(files=((metrics.name, render_metrics(counted)), *metrics.planners))


def keep_rescue_valid(dag: Dag, context: Context) -> Change:
    """A rescue DAG that names a monitor's node: without that line it is valid for any DAG, and none is DONE."""
    if context.rescue is None:
        return Change()
    mended = rescue_lines.mended(context.rescue, dag.nodes)
    notes = rescue_lines.complaints(context.rescue, dag)
    return Change(files=() if mended is None else (mended,), notes=notes)


PASSES: Mapping[str, Pass] = MappingProxyType(
    {
        "monitor": add_monitor,
        "jobstate-log": add_jobstate_log,
        "configuration": add_configuration,
        "sub-workflows": rewrite_sub_workflows,
        "categories": add_categories,
        "metrics": add_metrics,
        "rescue": keep_rescue_valid,
    }
)
"""In the order in which they stand in the block."""

ALL = frozenset(PASSES)


def changes_of(dag: Dag, context: Context) -> Mapping[str, Change]:
    """What every pass wants, by its name; nothing, if it is not chosen."""
    chosen = context.chosen or ALL
    return {name: run(dag, context) if name in chosen else Change() for name, run in PASSES.items()}


def apply(original: bytes, changes: Mapping[str, Change], choice: Choice | None = None) -> bytes:
    """The rewritten DAG: the original, the lines taken out of use, and the block."""
    lines = [] if choice is None else list(choice.lines())
    lines += [render_command(command) for change in changes.values() for command in change.added]
    disabled = {number for change in changes.values() for number in change.disabled}
    return block.compose(original, lines, disabled)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen when the DAG was rewritten. The block remembers it, so that `bridle run` keeps to it."""

    kind: MonitorKind = MonitorKind.SERVICE
    passes: frozenset[str] = ALL
    universe: Universe | None = None
    """None: what the policy files say"""

    def lines(self) -> tuple[str, ...]:
        """For the block; nothing where all is as usual.

        >>> Choice(MonitorKind.JOB, ALL - {"metrics"}).lines()
        ('# bridle rewrite --as job --skip metrics',)
        """
        kind = "" if self.kind is MonitorKind.SERVICE else f" --as {self.kind.value}"
        universe = "" if self.universe is None else f" --universe {self.universe.value}"
        skipped = "".join(f" --skip {name}" for name in PASSES if name not in self.passes)
        chosen = kind + universe + skipped
        return (f"# bridle rewrite{chosen}",) if chosen else ()


_CHOICE = re.compile(rb"^# bridle rewrite((?: --(?:as|skip|universe) [a-z-]+)+)$", re.MULTILINE)


def choice_in(our_block: bytes | None) -> Choice:
    """The choice that the block remembers.

    >>> choice_in(b"# bridle rewrite --as job --skip metrics\\n").kind
    <MonitorKind.JOB: 'job'>
    """
    match = _CHOICE.search(our_block or b"")
    words = text_of(match[1]).split() if match else []
    given = list(zip(words[::2], words[1::2], strict=True))
    kind = MonitorKind.JOB if ("--as", MonitorKind.JOB.value) in given else MonitorKind.SERVICE
    skipped = {name for option, name in given if option == "--skip"}
    universe = next((Universe(name) for option, name in given if option == "--universe"), None)
    return Choice(kind, ALL - skipped, universe)
