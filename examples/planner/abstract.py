"""The abstract workflow: values, and the Pegasus 5 YAML format (`parse(render(w)) == w`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

PEGASUS_FORMAT = "5.0.4"
_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./:-]*(?<!:)")
_RESERVED = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "."}


class PlanError(ValueError):
    """A workflow or an option that cannot be planned; the text says what and where."""


@dataclass(frozen=True)
class Hook:
    """A shell hook: when (never, start, success, error, end, all) and the command."""

    when: str
    command: str


@dataclass(frozen=True)
class FileUse:
    """A logical file that a task reads or writes."""

    lfn: str
    is_input: bool
    stage_out: bool = False
    register: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A task of the abstract workflow."""

    id: str
    name: str
    arguments: tuple[str, ...] = ()
    uses: tuple[FileUse, ...] = ()
    hooks: tuple[Hook, ...] = ()
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    version: str = ""

    @property
    def transformation(self) -> str:
        """The full name, e.g. `pegasus::transfer`, `tool:1.0`."""
        return (
            (f"{self.namespace}::" if self.namespace else "")
            + self.name
            + (f":{self.version}" if self.version else "")
        )

    def profile(self, namespace: str, key: str) -> str | None:
        """A profile's value; keys of dagman are the same in upper and lower case."""
        values = {name.lower(): value for name, value in self.profiles.get(namespace, {}).items()}
        value = values.get(key.lower())
        return None if value is None else str(value)


@dataclass(frozen=True)
class AbstractWorkflow:
    """Tasks in file order, dependencies as (parent id, child ids)."""

    name: str
    tasks: tuple[Task, ...]
    dependencies: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hooks: tuple[Hook, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)  # x-pegasus

    def edges(self) -> dict[str, list[str]]:
        """Children of each task: those declared and those that a file demands, as Pegasus adds them."""
        children: dict[str, dict[str, None]] = {task.id: {} for task in self.tasks}
        for parent, names in self.dependencies:
            children[parent].update(dict.fromkeys(names))
        producer = {use.lfn: task.id for task in self.tasks for use in task.uses if not use.is_input}
        for task in self.tasks:
            for use in task.uses:
                if use.is_input and use.lfn in producer:
                    children[producer[use.lfn]][task.id] = None
        return {parent: list(names) for parent, names in children.items()}


def parse(text: str) -> AbstractWorkflow:
    """The workflow in a workflow.yml; PlanError names what is missing."""
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as reason:
        raise PlanError(f"not YAML: {reason}") from reason
    if not isinstance(document, dict) or "name" not in document or "jobs" not in document:
        raise PlanError("not an abstract workflow: it needs `name` and `jobs`")
    tasks = tuple(_task(job) for job in document["jobs"])
    known = {task.id for task in tasks}
    dependencies = tuple(
        (entry["id"], tuple(entry["children"])) for entry in document.get("jobDependencies") or ()
    )
    for parent, children in dependencies:
        for name in {parent, *children} - known:
            raise PlanError(f"jobDependencies name {name}, but no job has that id")
    return AbstractWorkflow(
        name=str(document["name"]),
        tasks=tasks,
        dependencies=dependencies,
        hooks=_hooks(document),
        metadata=document.get("metadata") or {},
        header={key: str(value) for key, value in (document.get("x-pegasus") or {}).items()},
    )


def _task(job: dict[str, Any]) -> Task:
    if job.get("type", "job") != "job":
        raise PlanError(f"job {job.get('id')}: type {job['type']} cannot be planned here, only `job`")
    return Task(
        id=str(job["id"]),
        name=str(job["name"]),
        arguments=tuple(str(word) for word in job.get("arguments") or ()),
        uses=tuple(_file_use(use) for use in job.get("uses") or ()),
        hooks=_hooks(job),
        profiles=job.get("profiles") or {},
        metadata=job.get("metadata") or {},
        namespace=str(job.get("namespace") or ""),
        version=str(job.get("version") or ""),
    )


def _file_use(use: dict[str, Any]) -> FileUse:
    return FileUse(
        lfn=str(use["lfn"]),
        is_input=use["type"] == "input",
        stage_out=bool(use.get("stageOut")),
        register=bool(use.get("registerReplica")),
        metadata=use.get("metadata") or {},
    )


def _hooks(owner: dict[str, Any]) -> tuple[Hook, ...]:
    return tuple(
        Hook(str(hook["_on"]), str(hook["cmd"])) for hook in (owner.get("hooks") or {}).get("shell") or ()
    )


def render(workflow: AbstractWorkflow) -> str:
    """The workflow.yml of a workflow, as the Python API of Pegasus lays it out."""
    return "\n".join(_lines(workflow)) + "\n"


def _lines(workflow: AbstractWorkflow) -> Iterator[str]:
    yield "x-pegasus:"
    header = dict(workflow.header) or {"apiLang": "python"}
    yield from (f"  {key}: {_scalar(value)}" for key, value in header.items())
    yield f"pegasus: {PEGASUS_FORMAT}"
    yield f"name: {_scalar(workflow.name)}"
    yield from _map_lines("metadata", workflow.metadata, "")
    yield from _hook_lines(workflow.hooks, "")
    yield "jobs:"
    for task in workflow.tasks:
        yield from _task_lines(task)
    if workflow.dependencies:
        yield "jobDependencies:"
    for parent, children in workflow.dependencies:
        yield f"- id: {_scalar(parent)}"
        yield "  children:"
        yield from (f"  - {_scalar(child)}" for child in children)


def _task_lines(task: Task) -> Iterator[str]:
    yield "- type: job"
    for key, value in (
        ("namespace", task.namespace),
        ("version", task.version),
        ("name", task.name),
        ("id", task.id),
    ):
        if value:
            yield f"  {key}: {_scalar(value)}"
    if task.arguments:
        yield "  arguments:"
        yield from (f"  - {_scalar(word)}" for word in task.arguments)
    if task.uses:
        yield "  uses:"
    for use in task.uses:
        yield f"  - lfn: {_scalar(use.lfn)}"
        yield f"    type: {'input' if use.is_input else 'output'}"
        if not use.is_input:
            yield f"    stageOut: {str(use.stage_out).lower()}"
            yield f"    registerReplica: {str(use.register).lower()}"
        yield from _map_lines("metadata", use.metadata, "    ")
    if task.profiles:
        yield "  profiles:"
    for namespace, values in task.profiles.items():
        yield from _map_lines(namespace, values, "    ")
    yield from _map_lines("metadata", task.metadata, "  ")
    yield from _hook_lines(task.hooks, "  ")


def _map_lines(key: str, values: Mapping[str, str], pad: str) -> Iterator[str]:
    if values:
        yield f"{pad}{key}:"
        yield from (f"{pad}  {_scalar(name)}: {_scalar(str(value))}" for name, value in values.items())


def _hook_lines(hooks: tuple[Hook, ...], pad: str) -> Iterator[str]:
    if hooks:
        yield f"{pad}hooks:"
        yield f"{pad}  shell:"
    for hook in hooks:
        yield f"{pad}  - _on: {_scalar(hook.when)}"
        yield f"{pad}    cmd: {_scalar(hook.command)}"


def _scalar(word: str) -> str:
    """A word as a YAML scalar that reads back as the same string; JSON's quotes are YAML's."""
    if _PLAIN.fullmatch(word) and word.lower() not in _RESERVED:
        return word
    return json.dumps(word, ensure_ascii=False)
