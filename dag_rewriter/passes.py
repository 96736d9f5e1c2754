"""What bridle adds to a DAG: one pure function per concern, `(Dag, Context) -> Change`, in the order of
PASSES.

A pass sees the DAG without our block and says what the block must hold, so to rewrite twice is to rewrite
once. What the user or the planner wrote always wins: a pass that finds its line already there adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from condor_templates.policy import DEFAULT_CATEGORIES, CategoryPolicy, JobClass
from dag_rewriter import block
from dag_rewriter.commands import (
    Category,
    Command,
    Config,
    JobstateLog,
    MaxJobs,
    NodeCommand,
    NodeKind,
    Other,
)
from dag_rewriter.dag import Dag
from dag_rewriter.syntax import render_command

MONITOR = "bridle_monitor"


@dataclass(frozen=True, slots=True)
class Context:
    """What the passes need to know beside the DAG."""

    monitor_submit: str
    """the monitor's submit file, as the DAG shall name it"""
    config: str
    jobstate_log: str
    job_classes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Pegasus's job class of the nodes that are in no category"""
    categories: CategoryPolicy = DEFAULT_CATEGORIES
    monitor: bool = True
    """False for a sub-workflow: the monitor of the root workflow follows it"""


@dataclass(frozen=True, slots=True)
class Change:
    """What a pass wants: commands for the block, and lines of the DAG (from 1) that go out of use."""

    added: tuple[Command, ...] = ()
    disabled: tuple[int, ...] = ()


Pass: TypeAlias = Callable[[Dag, Context], Change]


def monitor_name(taken: Sequence[str] | Mapping[str, object]) -> str:
    """The name of the monitor's node, made unique.

    >>> monitor_name(["bridle_monitor", "bridle_monitor_2"])
    'bridle_monitor_3'
    """
    name, number = MONITOR, 1
    while name in taken:
        number += 1
        name = f"{MONITOR}_{number}"
    return name


def add_monitor(dag: Dag, context: Context) -> Change:
    """A SERVICE node: submitted with the first nodes, sent SIGTERM when the DAG ends, never waited for.

    To DAGMan its priority is 0 and cannot be another: ready nodes with a higher one are submitted before it, and
    with -maxjobs 1 it was never (seen, 25.14.1). The configuration lowers theirs where that has no other effect.
    """
    if not context.monitor:
        return Change()
    name = monitor_name({**dict.fromkeys(dag.splices), **dict.fromkeys(dag.nodes)})
    return Change((NodeCommand(NodeKind.SERVICE, name, context.monitor_submit),))


def add_jobstate_log(dag: Dag, context: Context) -> Change:
    """DAGMan's own record of what happened; the user's is followed if there is one."""
    return Change() if dag.jobstate_log is not None else Change((JobstateLog(context.jobstate_log),))


def add_configuration(dag: Dag, context: Context) -> Change:
    """DAGMan accepts one CONFIG, so ours includes the user's, and the user's line goes out of use."""
    if not context.monitor:
        return Change()
    # condor_submit_dag gives DAGMan a list of variables and no others, and DAGMan's jobs get what it has.
    return Change((Config(context.config), Other("ENV GET BRIDLE_*")), dag.config_lines)


def add_categories(dag: Dag, context: Context) -> Change:
    """Categories for nodes that have none, limits for categories that have none."""
    policy = context.categories
    added: list[Command] = []
    used = dag.used_categories()
    for name, kind in dag.uncategorised():
        job_class = JobClass.SUB_DAG.value if kind is NodeKind.SUBDAG else context.job_classes.get(name)
        category = policy.category_of(job_class) if job_class is not None else None
        if category is not None:
            added.append(Category(name, category))
            used.add(category)
    limits = (MaxJobs(c, n) for c, n in policy.limits.items() if c in used and c not in dag.max_jobs)
    return Change((*limits, *added))


PASSES: Mapping[str, Pass] = MappingProxyType(
    {
        "monitor": add_monitor,
        "jobstate log": add_jobstate_log,
        "configuration": add_configuration,
        "categories": add_categories,
    }
)
"""In the order in which they stand in the block."""


def changes_of(dag: Dag, context: Context) -> Mapping[str, Change]:
    """What every pass wants, by its name."""
    return {name: run(dag, context) for name, run in PASSES.items()}


def apply(original: bytes, changes: Mapping[str, Change]) -> bytes:
    """The rewritten DAG: the original, the lines taken out of use, and the block."""
    lines = [render_command(command) for change in changes.values() for command in change.added]
    disabled = {number for change in changes.values() for number in change.disabled}
    return block.compose(original, lines, disabled)
