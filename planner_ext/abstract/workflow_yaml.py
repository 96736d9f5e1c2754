"""Abstract workflows in YAML (Pegasus 5.0.x): `load` reads one, `dump` writes one.

The format is that of Pegasus's wf-5.0.yml and tc-5.0.yml. Only what bridle needs is read; a key that is not known is
told in the workflow's notes, one of a wrong type is an error with its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from monitord_job.notifications.rule import Source
from planner_ext.abstract.hook_conditions import HOOK_WORDS, hook_condition
from planner_ext.abstract.workflow import (
    AbstractWorkflow,
    Executable,
    File,
    Hook,
    Link,
    Pairs,
    Profile,
    Task,
    TaskKind,
    Transformation,
    TransformationName,
    Use,
    arguments,
    merged,
    pairs,
    places,
    profiles,
    uses,
)
from planner_ext.abstract.yaml_fields import Fields
from planner_ext.abstract.yaml_nodes import Node, parse
from planner_ext.errors import WorkflowError

FORMAT_VERSION = "5.0.4"
"""Pegasus 5.1's own API writes this one"""

_WORKFLOW_KEYS = (
    *("pegasus", "name", "version", "siteCatalog", "replicaCatalog", "transformationCatalog"),
    *("jobs", "jobDependencies", "profiles", "hooks", "metadata"),
)
_TASK_KEYS = (
    *("id", "type", "name", "namespace", "version", "file", "nodeLabel", "metadata", "arguments"),
    *("stdin", "stdout", "stderr", "uses", "profiles", "hooks"),
)
_USE_KEYS = (
    *("lfn", "metadata", "type", "stageOut", "registerReplica", "optional", "size", "namespace", "version"),
    *("executable", "bypass", "forPlanning"),
)
_TRANSFORMATION_KEYS = (
    *("metadata", "namespace", "name", "version", "hooks", "profiles", "requires", "checksum", "sites"),
)


def load(data: bytes, path: str) -> AbstractWorkflow:
    """The workflow in a document; WorkflowError names the line of what is wrong."""
    top = Fields(path, "the workflow", parse(data, path))
    version = top.required("pegasus")
    if version.partition(".")[0] != "5":
        line = top.node.lines["pegasus"]
        raise top.error(line, f"it is in format {version}, bridle reads 5.0", "write `pegasus: 5.0.4`")
    top.note_unknown(_WORKFLOW_KEYS)
    tasks = tuple(_task(top, node) for node in top.list("jobs"))
    return AbstractWorkflow(
        name=top.required("name"),
        tasks=tasks,
        edges=tuple(sorted(set(_edges(top, _ids(top, tasks))))),
        hooks=tuple(_hooks(top)),
        profiles=_profiles(top),
        metadata=_metadata(top),
        files=tuple(_files(top)),
        transformations=_catalog(top),
        notes=tuple(top.notes),
    )


def load_hooks(data: bytes, path: str) -> tuple[Transformation, ...]:
    """The transformations of a catalog in a file of its own, with nothing but their hooks."""
    catalog = Fields(path, "the transformation catalog", parse(data, path))
    entries = (catalog.within(node, "a transformation") for node in catalog.list("transformations"))
    return merged(Transformation(_name(entry), hooks=tuple(_hooks(entry))) for entry in entries)


def _ids(top: Fields, tasks: tuple[Task, ...]) -> set[str]:
    """The ids of the tasks; each is there once."""
    seen: set[str] = set()
    for task, node in zip(tasks, top.list("jobs"), strict=True):
        if task.id in seen:
            raise top.error(node.line, f"a second job has the id {task.id}", "give each job an id of its own")
        seen.add(task.id)
    return seen


def _task(top: Fields, node: Node) -> Task:
    fields = top.within(node, "a job")
    task_id = fields.required("id")
    fields = top.within(node, f"job {task_id}")
    fields.note_unknown(_TASK_KEYS)
    kinds = {kind.value: kind for kind in TaskKind}
    kind = (
        _one_of(fields, "type", kinds) if fields.text("type") is not None else TaskKind.JOB
    )  # as the planner does
    is_job = kind is TaskKind.JOB
    file = None if is_job else fields.required("file")
    words = [fields.scalar(item, f"an argument of {fields.what}") for item in fields.list("arguments")]
    return Task(
        id=task_id,
        kind=kind,
        transformation=_name(fields) if is_job else None,
        file=file,
        label=fields.text("nodeLabel"),
        arguments=arguments(words),
        uses=uses(_uses(fields), file),
        stdin=fields.text("stdin"),
        stdout=fields.text("stdout"),
        stderr=fields.text("stderr"),
        profiles=_profiles(fields),
        metadata=_metadata(fields),
        hooks=tuple(_hooks(fields)),
    )


def _one_of(fields: Fields, key: str, values: Mapping[str, Any]) -> Any:
    word = fields.required(key)
    if word not in values:
        line = fields.node.lines[key]
        raise fields.error(line, f"{key} of {fields.what} is {word!r}", f"write one of {', '.join(values)}")
    return values[word]


def _name(fields: Fields) -> TransformationName:
    return TransformationName(fields.required("name"), fields.text("namespace"), fields.text("version"))


def _uses(task: Fields) -> Iterator[Use]:
    for node in task.list("uses"):
        fields = task.within(node, f"a file of {task.what}")
        fields.note_unknown(_USE_KEYS)
        if fields.flag("executable"):
            continue
        yield Use(
            lfn=fields.required("lfn"),
            link=_one_of(fields, "type", {link.value: link for link in Link}),
            stage_out=fields.flag("stageOut"),
            register=fields.flag("registerReplica"),
            size=fields.text("size"),
            metadata=_metadata(fields),
            for_planning=bool(fields.flag("forPlanning")),
            bypass=bool(fields.flag("bypass")),
        )


def _hooks(owner: Fields) -> Iterator[Hook]:
    hooks = owner.mapping("hooks")
    if hooks is None:
        return
    hooks.note_unknown({"shell"})
    for node in hooks.list("shell"):
        fields = hooks.within(node, f"a hook of {owner.what}")
        fields.note_unknown({"_on", "cmd"})
        word = fields.required("_on")
        on = hook_condition(word)
        if on is None:
            line = fields.node.lines["_on"]
            raise fields.error(
                line, f"_on of {fields.what} is {word!r}", f"write one of {', '.join(HOOK_WORDS)}"
            )
        yield Hook(on, fields.required("cmd"), Source(fields.path, fields.line))


def _profiles(owner: Fields) -> tuple[Profile, ...]:
    by_namespace = owner.mapping("profiles")
    if by_namespace is None:
        return ()
    names = [name for name in by_namespace.node.items if not name.startswith("x-")]
    groups = [(name, by_namespace.mapping(name)) for name in names]
    return profiles(
        Profile(name, key, value) for name, group in groups if group for key, value in group.texts()
    )


def _metadata(owner: Fields) -> Pairs:
    metadata = owner.mapping("metadata")
    return pairs(metadata.texts()) if metadata else ()


def _edges(top: Fields, ids: set[str]) -> Iterator[tuple[str, str]]:
    for node in top.list("jobDependencies"):
        fields = top.within(node, "a dependency")
        parent = fields.required("id")
        for item in fields.list("children"):
            child = fields.scalar(item, f"a child of {parent}")
            for name in (parent, child):
                if name not in ids:
                    raise top.error(item.line, f"there is no job {name}", "correct the id, or add the job")
            yield parent, child


def _files(top: Fields) -> Iterator[File]:
    catalog = top.mapping("replicaCatalog")
    for node in catalog.list("replicas") if catalog else ():
        fields = top.within(node, "a replica")
        pfns = [fields.within(item, "a place of a replica") for item in fields.list("pfns")]
        locations = places((pfn.text("site") or "local", pfn.required("pfn")) for pfn in pfns)
        yield File(fields.required("lfn"), locations, _metadata(fields))


def _catalog(top: Fields) -> tuple[Transformation, ...]:
    catalog = top.mapping("transformationCatalog")
    return merged(_transformation(top, node) for node in catalog.list("transformations")) if catalog else ()


def _transformation(top: Fields, node: Node) -> Transformation:
    fields = top.within(node, "a transformation")
    name = _name(fields)
    fields = top.within(node, f"transformation {name}")
    fields.note_unknown(_TRANSFORMATION_KEYS)
    sites = [fields.within(item, f"a site of {fields.what}") for item in fields.list("sites")]
    return Transformation(
        name=name,
        executables=tuple(_executable(site) for site in sites),
        hooks=tuple(_hooks(fields)),
        profiles=_profiles(fields),
        metadata=_metadata(fields),
        requires=tuple(fields.scalar(item, f"requires of {fields.what}") for item in fields.list("requires")),
    )


def _executable(site: Fields) -> Executable:
    installed = _one_of(site, "type", {"installed": True, "stageable": False})
    return Executable(site.required("name"), site.required("pfn"), installed)


# What is written, in the order in which Pegasus's own API writes it.


def dump(workflow: AbstractWorkflow) -> bytes:
    """The workflow as a document; `load` gives it back. WorkflowError names what YAML cannot say."""
    document = _without_nothing(
        pegasus=FORMAT_VERSION,
        name=workflow.name,
        hooks=_shell(workflow.hooks),
        profiles=_by_namespace(workflow.profiles),
        metadata=dict(workflow.metadata),
        replicaCatalog={"replicas": [_replica(file) for file in workflow.files]} if workflow.files else None,
        transformationCatalog=_transformations(workflow),
    )
    document["jobs"] = [_job(task) for task in workflow.tasks]
    document["jobDependencies"] = [
        {"id": parent, "children": children} for parent, children in _children(workflow.edges).items()
    ]
    return yaml.dump(
        document, Dumper=_Dumper, encoding="utf-8", allow_unicode=True, sort_keys=False, width=110
    )


class _Dumper(yaml.CSafeDumper):
    """Writes no aliases, which not every reader of YAML follows."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


def _without_nothing(**fields: Any) -> dict[str, Any]:
    """The fields that say something: false and empty text do, None and empty collections do not."""
    return {key: value for key, value in fields.items() if value is not None and value not in ({}, [])}


def _children(edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for parent, child in edges:
        children.setdefault(parent, []).append(child)
    return children


def _shell(hooks: Iterable[Hook]) -> dict[str, Any]:
    shell = [{"_on": hook.on.value, "cmd": hook.command} for hook in hooks]
    return {"shell": shell} if shell else {}


def _by_namespace(items: Iterable[Profile]) -> dict[str, dict[str, str]]:
    namespaces: dict[str, dict[str, str]] = {}
    for profile in items:
        namespaces.setdefault(profile.namespace, {})[profile.key] = profile.value
    return namespaces


def _replica(file: File) -> dict[str, Any]:
    places = [{"site": site, "pfn": url} for site, url in file.places]
    return {"lfn": file.lfn, "pfns": places, **_without_nothing(metadata=dict(file.metadata))}


def _transformations(workflow: AbstractWorkflow) -> dict[str, Any] | None:
    if not workflow.transformations:
        return None
    return {"transformations": [_entry(transformation) for transformation in workflow.transformations]}


def _entry(transformation: Transformation) -> dict[str, Any]:
    if not transformation.executables:
        where = f"transformation {transformation.name}"
        raise WorkflowError(where, "it is on no site, and YAML wants one", "say where it is")
    sites = [
        {
            "name": executable.site,
            "pfn": executable.url,
            "type": "installed" if executable.installed else "stageable",
        }
        for executable in transformation.executables
    ]
    return _without_nothing(
        namespace=transformation.name.namespace,
        name=transformation.name.name,
        version=transformation.name.version,
        requires=list(transformation.requires),
        sites=sites,
        profiles=_by_namespace(transformation.profiles),
        hooks=_shell(transformation.hooks),
        metadata=dict(transformation.metadata),
    )


def _job(task: Task) -> dict[str, Any]:
    name = task.transformation
    head = _without_nothing(
        type=task.kind.value,
        namespace=name and name.namespace,
        version=name and name.version,
        name=name and name.name,
        file=task.file,
        id=task.id,
        stdin=task.stdin,
        stdout=task.stdout,
        stderr=task.stderr,
        nodeLabel=task.label,
    )
    own = () if task.file is None else (Use(task.file, Link.INPUT, for_planning=True),)
    return head | {
        "arguments": task.arguments.split(" ") if task.arguments else [],
        "uses": [_used(use) for use in own + task.uses],
        **_without_nothing(
            profiles=_by_namespace(task.profiles), metadata=dict(task.metadata), hooks=_shell(task.hooks)
        ),
    }


def _used(use: Use) -> dict[str, Any]:
    return _without_nothing(
        lfn=use.lfn,
        metadata=dict(use.metadata),
        size=use.size,
        forPlanning=use.for_planning or None,
        type=use.link.value,
        stageOut=use.stage_out,
        registerReplica=use.register,
        bypass=use.bypass or None,
    )
