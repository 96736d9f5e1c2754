"""From the hooks of an abstract workflow to the notification rules of the planned one. Pure.

The file is what the planner writes (MonitordNotify.java): the workflow's rules, then for each planned job a blank line
and its rules, sorted by condition; the tasks of a clustered job as INVOCATION 1, 2, ... in the order in which they run.
Other than the planner's, it uses words that pegasus-monitord understands, if asked to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitord_job.notifications.rule import Action, Condition, Entity, How, On, Rule
from monitord_job.notifications.rule_file import Words, render_rule
from planner_ext.abstract.workflow import (
    AbstractWorkflow,
    Hook,
    Task,
    TaskKind,
    Transformation,
    TransformationName,
)

_ORDER = {on: place for place, on in enumerate(On)}


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A node of the planned DAG, and the abstract tasks that it runs, in their order."""

    node: str
    entity: Entity
    tasks: tuple[str, ...] = ()
    is_cluster: bool = False


@dataclass(frozen=True, slots=True)
class PlannedRules:
    """The rules in blocks, as the file has them: of the workflow, and of each job or task with hooks."""

    blocks: tuple[tuple[Rule, ...], ...]
    notes: tuple[str, ...]
    """hooks that concern no planned job"""

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for block in self.blocks for rule in block)


def planned_rules(workflow: AbstractWorkflow, jobs: Sequence[PlannedJob], wf_uuid: str) -> PlannedRules:
    """All hooks of the workflow as rules for its planned jobs."""
    tasks = {task.id: task for task in workflow.tasks}
    by_name = {transformation.name: transformation for transformation in workflow.transformations}
    blocks = [_block(Entity.WORKFLOW, wf_uuid, None, workflow.hooks)]
    for job in jobs:
        known = [tasks.get(task_id) for task_id in job.tasks]
        if job.is_cluster:
            blocks += [
                _block(Entity.INVOCATION, job.node, number, _hooks(task, by_name))
                for number, task in enumerate(known, 1)
            ]
        else:
            hooks = [hook for task in known for hook in _hooks(task, by_name)]
            blocks.append(_block(job.entity, job.node, None, hooks))
    planned = {task_id for job in jobs for task_id in job.tasks}
    notes = tuple(
        _left_out(task) for task in workflow.tasks if task.id not in planned and _hooks(task, by_name)
    )
    return PlannedRules(tuple(block for block in blocks if block), workflow.notes + notes)


def _hooks(task: Task | None, by_name: dict[TransformationName, Transformation]) -> tuple[Hook, ...]:
    """Of the task, and of the transformation that it runs."""
    if task is None:
        return ()
    transformation = by_name.get(task.transformation) if task.transformation else None
    return task.hooks + (transformation.hooks if transformation else ())


def _left_out(task: Task) -> str:
    where = f"{task.hooks[0].source}: " if task.hooks else ""
    return f"{where}job {task.id} is not in the plan, its hooks have no effect; plan with --force if it is to run"


def _block(entity: Entity, name: str, number: int | None, hooks: Iterable[Hook]) -> tuple[Rule, ...]:
    rules = (
        Rule(entity, name, number, Condition(hook.on), Action(How.COMMAND, hook.command), hook.source)
        for hook in hooks
    )
    return tuple(sorted(rules, key=lambda rule: _ORDER[rule.condition.on]))


def render_notify(planned: PlannedRules, words: Words) -> bytes:
    """The .notify file; RuleError names a hook that no line can say."""
    lines: list[bytes] = []
    for block in planned.blocks:
        if block[0].entity is not Entity.WORKFLOW:
            lines.append(b"\n")
        lines += [render_rule(rule, words=words) for rule in block]
    return b"".join(lines)


def dag_task_of(node: str, tasks: Iterable[Task]) -> str | None:
    """The task that a SUBDAG node runs: the planner calls it PREFIXdagman_ID, with `_` for what DAGMan does not like.

    >>> dag_task_of("dagman_a_1", [Task("1", TaskKind.DAG), Task("a.1", TaskKind.DAG)])
    'a.1'
    """
    fitting = [
        task.id for task in tasks if task.kind is TaskKind.DAG and node.endswith(f"_{_compliant(task.id)}")
    ]
    return max(fitting, key=len, default=None)


def _compliant(name: str) -> str:
    return name.translate(str.maketrans(".+=", "___"))
