"""Write abstract workflows, with hooks at all levels, as Pegasus's YAML (5.0.4) or XML (DAX 3.6).

    from planner_ext.builder import Workflow

    workflow = Workflow("mosaic")
    workflow.hook("end", "/home/me/bin/tell wf")
    workflow.transformation("project", "/opt/mosaic/project").hook("error", "/home/me/bin/tell project")
    first = workflow.job("project", "-i", "raw.fits", "-o", "flat.fits", inputs=["raw.fits"], outputs=["flat.fits"])
    first.hook("error", "/home/me/bin/tell first")
    workflow.write("mosaic.yml")

Who makes a file comes before who reads it: such dependencies need not be said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import TypeVar

from dag_rewriter import files
from monitord_job.notifications.rule import On
from planner_ext.abstract import dax_xml, workflow_yaml
from planner_ext.abstract.hook_conditions import HOOK_WORDS, hook_condition
from planner_ext.abstract.workflow import (
    AbstractWorkflow,
    Executable,
    File,
    Hook,
    Link,
    Profile,
    Task,
    TaskKind,
    Transformation,
    TransformationName,
    Use,
    arguments,
    pairs,
    places,
    profiles,
    uses,
)
from planner_ext.errors import WorkflowError

__all__ = ["AbstractWorkflow", "TaskBuilder", "TransformationBuilder", "Workflow", "WorkflowError"]

_Self = TypeVar("_Self", bound="_Described")

_WRITERS = {
    ".yml": workflow_yaml.dump,
    ".yaml": workflow_yaml.dump,
    ".xml": dax_xml.dump,
    ".dax": dax_xml.dump,
}


class _Described:
    """What workflows, jobs and transformations have in common."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._hooks: list[Hook] = []
        self._profiles: list[Profile] = []
        self._metadata: dict[str, str] = {}

    def hook(self: _Self, on: On | str, command: str) -> _Self:
        """Runs a command line (without a shell) on start, success, error, end or all; `never` says it does not."""
        condition = hook_condition(on.value if isinstance(on, On) else on)
        if condition is None:
            raise WorkflowError(
                self._what, f"{on} is not a condition of a hook", f"use one of {', '.join(HOOK_WORDS)}"
            )
        if not command.strip():
            raise WorkflowError(self._what, "the hook has no command", "name a program")
        self._hooks.append(Hook(condition, command.strip()))
        return self

    def profile(self: _Self, namespace: str, key: str, value: object) -> _Self:
        """Sets a profile, e.g. ("pegasus", "label", "group1"). A workflow's own are for YAML only."""
        self._profiles.append(Profile(namespace, key, str(value).strip()))
        return self

    def metadata(self: _Self, items: Mapping[str, object]) -> _Self:
        """Adds metadata; a key that is there gets the new value."""
        self._metadata.update((key, str(value).strip()) for key, value in items.items())
        return self


class TransformationBuilder(_Described):
    """A program that jobs run; made by Workflow.transformation."""

    def __init__(self, name: TransformationName) -> None:
        super().__init__(f"transformation {name}")
        self._name = name
        self._executables: list[Executable] = []
        self._requires: list[str] = []

    def at(self, url: str, *, site: str = "local", installed: bool = True) -> TransformationBuilder:
        """Says where it is on one more site; `installed=False` is staged to where the job runs."""
        self._executables.append(Executable(site, url, installed))
        return self

    def requires(self, *names: str) -> TransformationBuilder:
        """Names other transformations that it needs, as namespace::name:version."""
        self._requires += names
        return self

    def build(self) -> Transformation:
        """The value."""
        return Transformation(
            name=self._name,
            executables=tuple(dict.fromkeys(self._executables)),
            hooks=tuple(dict.fromkeys(self._hooks)),
            profiles=profiles(self._profiles),
            metadata=pairs(self._metadata.items()),
            requires=tuple(dict.fromkeys(self._requires)),
        )


class TaskBuilder(_Described):
    """A job or a sub-workflow; made by Workflow.job, .sub_workflow and .sub_dag."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"job {task.id}")
        self._task = task
        self._uses: list[Use] = []
        self._streams: dict[str, str] = {}

    @property
    def id(self) -> str:
        return self._task.id

    def inputs(self, *lfns: str, for_planning: bool = False, bypass: bool = False) -> TaskBuilder:
        """Files that it reads. `for_planning` and `bypass` (no staging) are for YAML only."""
        self._uses += [Use(lfn, Link.INPUT, for_planning=for_planning, bypass=bypass) for lfn in lfns]
        return self

    def outputs(self, *lfns: str, stage_out: bool = True, register: bool = True) -> TaskBuilder:
        """Files that it writes; whether they are kept, and put into the replica catalog."""
        self._uses += [Use(lfn, Link.OUTPUT, stage_out, register) for lfn in lfns]
        return self

    def uses(self, *files: Use) -> TaskBuilder:
        """Files with all that can be said of them."""
        self._uses += files
        return self

    def streams(self, *, stdin: str = "", stdout: str = "", stderr: str = "") -> TaskBuilder:
        """Files for stdin, stdout and stderr. Name them as inputs and outputs, too."""
        named = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        self._streams.update((stream, lfn) for stream, lfn in named.items() if lfn)
        return self

    def build(self) -> Task:
        """The value."""
        task = self._task
        return Task(
            id=task.id,
            kind=task.kind,
            transformation=task.transformation,
            file=task.file,
            label=task.label,
            arguments=task.arguments,
            uses=uses(self._uses, task.file),
            profiles=profiles(self._profiles),
            metadata=pairs(self._metadata.items()),
            hooks=tuple(self._hooks),
            **self._streams,
        )


class Workflow(_Described):
    """An abstract workflow in the making."""

    def __init__(self, name: str) -> None:
        super().__init__(f"workflow {name}")
        self._name = name
        self._transformations: dict[TransformationName, TransformationBuilder] = {}
        self._tasks: dict[str, TaskBuilder] = {}
        self._files: dict[str, File] = {}
        self._edges: set[tuple[str, str]] = set()

    def transformation(
        self, name: str, url: str | None = None, *, site: str = "local", installed: bool = True
    ) -> TransformationBuilder:
        """The transformation namespace::name:version (name alone will do); `url` says where it is on `site`."""
        parsed = TransformationName.parse(name)
        builder = self._transformations.setdefault(parsed, TransformationBuilder(parsed))
        return builder if url is None else builder.at(url, site=site, installed=installed)

    def file(self, lfn: str, url: str, *, site: str = "local") -> Workflow:
        """Says where an input is; a file may be in many places."""
        known = self._files.get(lfn, File(lfn))
        self._files[lfn] = File(lfn, places((*known.places, (site, url))))
        return self

    def job(
        self,
        transformation: str,
        *words: object,
        job_id: str | None = None,
        label: str | None = None,
        inputs: Iterable[str] = (),
        outputs: Iterable[str] = (),
    ) -> TaskBuilder:
        """A job that runs a transformation with these arguments."""
        name = TransformationName.parse(transformation)
        said = arguments(map(str, words))
        task = Task(self._new_id(job_id), TaskKind.JOB, transformation=name, label=label, arguments=said)
        return self._add(task).inputs(*inputs).outputs(*outputs)

    def sub_workflow(
        self, file: str, *words: object, job_id: str | None = None, label: str | None = None
    ) -> TaskBuilder:
        """A job that plans and runs another abstract workflow; the words are options of pegasus-plan."""
        said = arguments(map(str, words))
        return self._add(Task(self._new_id(job_id), TaskKind.DAX, file=file, label=label, arguments=said))

    def sub_dag(
        self, file: str, *words: object, job_id: str | None = None, label: str | None = None
    ) -> TaskBuilder:
        """A job that runs a DAG of DAGMan's."""
        said = arguments(map(str, words))
        return self._add(Task(self._new_id(job_id), TaskKind.DAG, file=file, label=label, arguments=said))

    def depend(self, child: TaskBuilder, *parents: TaskBuilder) -> Workflow:
        """Runs `child` after its parents, also where no file goes from one to the other."""
        self._edges.update((parent.id, child.id) for parent in parents)
        return self

    def build(self) -> AbstractWorkflow:
        """The value."""
        tasks = tuple(builder.build() for builder in self._tasks.values())
        return AbstractWorkflow(
            name=self._name,
            tasks=tasks,
            edges=tuple(sorted(self._edges | set(_file_edges(tasks)))),
            hooks=tuple(self._hooks),
            profiles=profiles(self._profiles),
            metadata=pairs(self._metadata.items()),
            files=tuple(self._files.values()),
            transformations=tuple(builder.build() for builder in self._transformations.values()),
        )

    def to_yaml(self) -> bytes:
        """The document in YAML, format 5.0.4."""
        return workflow_yaml.dump(self.build())

    def to_xml(self) -> bytes:
        """The document in XML, DAX 3.6. WorkflowError names what XML cannot say."""
        return dax_xml.dump(self.build())

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Writes .yml, .yaml, .xml or .dax, all at once; an existing file is replaced."""
        target = Path(path)
        dump = _WRITERS.get(target.suffix)
        if dump is None:
            raise WorkflowError(
                str(target), f"{target.suffix or 'no suffix'} is no format", f"use {', '.join(_WRITERS)}"
            )
        files.replace(target, dump(self.build()))
        return target

    def _new_id(self, wanted: str | None) -> str:
        if wanted in self._tasks:
            raise WorkflowError(
                self._what, f"a second job has the id {wanted}", "give each job an id of its own"
            )
        numbered = (f"ID{number:07d}" for number in count(len(self._tasks) + 1))
        return wanted or next(candidate for candidate in numbered if candidate not in self._tasks)

    def _add(self, task: Task) -> TaskBuilder:
        builder = TaskBuilder(task)
        self._tasks[task.id] = builder
        return builder


def _file_edges(tasks: Iterable[Task]) -> Iterator[tuple[str, str]]:
    """From who makes a file to who reads it, or changes it."""
    makers: dict[str, list[str]] = {}
    readers: dict[str, list[str]] = {}
    for task in tasks:
        for use in task.uses:
            if use.link in (Link.OUTPUT, Link.CHECKPOINT):
                makers.setdefault(use.lfn, []).append(task.id)
            if use.link in (Link.INPUT, Link.INOUT):
                readers.setdefault(use.lfn, []).append(task.id)
        if task.file is not None:
            readers.setdefault(task.file, []).append(task.id)
    for lfn, sources in makers.items():
        for source in sources:
            yield from ((source, reader) for reader in readers.get(lfn, ()) if reader != source)
