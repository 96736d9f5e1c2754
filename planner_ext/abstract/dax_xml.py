"""Abstract workflows in XML (DAX 3.2 to 3.6): `load` reads one, `dump` writes one (3.6).

Valid is what our schema (dax.xsd) says. Workflow-level profiles, files for planning only and files that bypass staging
are things that XML cannot say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lxml import etree

from monitord_job.notifications.rule import Source
from planner_ext.abstract.hook_conditions import DAX_WORDS, hook_condition
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
from planner_ext.abstract.xml_document import NAMESPACE, QUALIFIED, Document, Element, parse
from planner_ext.errors import WorkflowError

FORMAT_VERSION = "3.6"

_KINDS = {"job": TaskKind.JOB, "dax": TaskKind.DAX, "dag": TaskKind.DAG}
_TAGS = {kind: tag for tag, kind in _KINDS.items()}
_TRUE = ("true", "1")


def load(data: bytes, path: str) -> AbstractWorkflow:
    """The workflow in a document; WorkflowError names line and element of what is wrong."""
    document = parse(data, path)
    root = document.root
    reader = _Reader(document)
    tasks = tuple(reader.tasks(root))
    return AbstractWorkflow(
        name=root.get("name"),
        tasks=tasks,
        edges=tuple(sorted(set(reader.edges(root, {task.id for task in tasks})))),
        hooks=reader.hooks(root),
        metadata=_metadata(root),
        files=tuple(File(file.get("name"), _places(file), _metadata(file)) for file in _all(root, "file")),
        transformations=merged(reader.transformations(root)),
    )


def _all(parent: Element, tag: str) -> Iterator[Element]:
    yield from parent.iterchildren(QUALIFIED + tag)


def _text(element: Element) -> str:
    """The text of a mixed content, files by their names."""
    parts = [element.text or ""]
    for child in element:
        parts += [child.get("name") or "" if isinstance(child.tag, str) else "", child.tail or ""]
    return "".join(parts)


def _metadata(parent: Element) -> Pairs:
    return pairs((item.get("key"), _text(item).strip()) for item in _all(parent, "metadata"))


def _profiles(parent: Element) -> tuple[Profile, ...]:
    elements = _all(parent, "profile")
    return profiles(Profile(item.get("namespace"), item.get("key"), _text(item).strip()) for item in elements)


def _places(parent: Element) -> Pairs:
    return places((pfn.get("site") or "local", pfn.get("url")) for pfn in _all(parent, "pfn"))


def _name(element: Element) -> TransformationName:
    return TransformationName(element.get("name"), element.get("namespace"), element.get("version"))


class _Reader:
    """Makes the values that may complain, or that know their line."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def hooks(self, parent: Element) -> tuple[Hook, ...]:
        return tuple(self._hook(invoke) for invoke in _all(parent, "invoke"))

    def _hook(self, invoke: Element) -> Hook:
        on = hook_condition(invoke.get("when"))
        assert on is not None, "the schema lists the words"
        command = _text(invoke).strip()
        if not command:
            raise self._error(invoke, "invoke has no command", "write the command between its tags")
        return Hook(on, command, Source(self._document.path, self._document.line_of(invoke)))

    def tasks(self, root: Element) -> Iterator[Task]:
        seen: set[str] = set()
        for element in root.iterchildren(*(QUALIFIED + tag for tag in _KINDS)):
            task = self._task(element)
            if task.id in seen:
                raise self._error(
                    element, f"a second job has the id {task.id}", "give each job an id of its own"
                )
            seen.add(task.id)
            yield task

    def _task(self, element: Element) -> Task:
        kind = _KINDS[etree.QName(element).localname]
        file = element.get("file")
        return Task(
            id=element.get("id"),
            kind=kind,
            transformation=_name(element) if kind is TaskKind.JOB else None,
            file=file,
            label=element.get("node-label"),
            arguments=arguments(_text(argument) for argument in _all(element, "argument")),
            uses=uses(_used(_all(element, "uses")), file),
            stdin=self._stream(element, "stdin"),
            stdout=self._stream(element, "stdout"),
            stderr=self._stream(element, "stderr"),
            profiles=_profiles(element),
            metadata=_metadata(element),
            hooks=self.hooks(element),
        )

    def _stream(self, element: Element, tag: str) -> str | None:
        streams = list(_all(element, tag))
        if len(streams) > 1:
            raise self._error(streams[1], f"a second {tag} of job {element.get('id')}", "remove one of them")
        return streams[0].get("name") if streams else None

    def transformations(self, root: Element) -> Iterator[Transformation]:
        for element in root.iterchildren(f"{QUALIFIED}executable", f"{QUALIFIED}transformation"):
            installed = element.get("installed", "true") in _TRUE
            yield Transformation(
                name=_name(element),
                executables=tuple(Executable(site, url, installed) for site, url in _places(element)),
                hooks=self.hooks(element),
                profiles=_profiles(element),
                metadata=_metadata(element),
                # Other than for a job's, `executable` is true where nothing is said.
                requires=tuple(
                    str(_name(use)) for use in _all(element, "uses") if use.get("executable", "true") in _TRUE
                ),
            )

    def edges(self, root: Element, ids: set[str]) -> Iterator[tuple[str, str]]:
        for child in _all(root, "child"):
            for parent in _all(child, "parent"):
                for element in (child, parent):
                    if element.get("ref") not in ids:
                        tag = etree.QName(element).localname
                        what = f"{tag}: there is no job {element.get('ref')}"
                        raise self._error(element, what, "correct the ref, or add the job")
                yield parent.get("ref"), child.get("ref")

    def _error(self, element: Element, what: str, hint: str) -> WorkflowError:
        return WorkflowError(f"{self._document.path}:{self._document.line_of(element)}", what, hint)


_TRANSFERS = {"true": True, "optional": True, "false": False}


def _used(elements: Iterable[Element]) -> Iterator[Use]:
    for element in elements:
        if element.get("executable") in _TRUE:
            continue
        register = element.get("register")
        yield Use(
            lfn=element.get("name"),
            link=Link(element.get("link", Link.NONE.value)),
            stage_out=_TRANSFERS.get(element.get("transfer")),
            register=None if register is None else register in _TRUE,
            size=element.get("size"),
            metadata=_metadata(element),
        )


# What is written, in the order of Pegasus's own schema.


def dump(workflow: AbstractWorkflow) -> bytes:
    """The workflow as a document; `load` gives it back. WorkflowError names what XML cannot say."""
    if workflow.profiles:
        raise _unsayable(workflow, "profiles of the workflow")
    try:
        root = _root(workflow)
    except ValueError as error:  # lxml: control characters
        raise WorkflowError(
            workflow.name, f"XML cannot hold it: {error}", "remove the control characters"
        ) from error
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)  # type: ignore[no-any-return]


def _unsayable(workflow: AbstractWorkflow, what: str) -> WorkflowError:
    return WorkflowError(f"workflow {workflow.name}", f"XML has no {what}", "write it as YAML")


def _root(workflow: AbstractWorkflow) -> Element:
    root = etree.Element(f"{QUALIFIED}adag", nsmap={None: NAMESPACE})
    root.set("version", FORMAT_VERSION)
    root.set("name", workflow.name)
    _add_metadata(root, workflow.metadata)
    _add_hooks(root, workflow.hooks)
    for file in workflow.files:
        element = _add(root, "file", name=file.lfn)
        _add_metadata(element, file.metadata)
        for site, url in file.places:
            _add(element, "pfn", url=url, site=site)
    for transformation in workflow.transformations:
        _add_executables(root, transformation)
    for transformation in workflow.transformations:
        _add_requirements(root, transformation)
    for task in workflow.tasks:
        if any(use.for_planning or use.bypass for use in task.uses):
            raise _unsayable(workflow, f"files for planning, and none that bypass staging (job {task.id})")
        _add_task(root, task)
    _add_edges(root, workflow.edges)
    return root


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str | None) -> Element:
    element = etree.SubElement(parent, QUALIFIED + tag)
    for key, value in attributes.items():
        if value is not None:
            element.set(key.replace("_", "-"), value)
    element.text = text
    return element


def _add_metadata(parent: Element, metadata: Pairs) -> None:
    for key, value in metadata:
        _add(parent, "metadata", value, key=key)


def _add_profiles(parent: Element, items: Iterable[Profile]) -> None:
    for profile in items:
        _add(parent, "profile", profile.value, namespace=profile.namespace, key=profile.key)


def _add_hooks(parent: Element, hooks: Iterable[Hook]) -> None:
    for hook in hooks:
        _add(parent, "invoke", hook.command, when=DAX_WORDS[hook.on])


def _add_executables(root: Element, transformation: Transformation) -> None:
    """One element for each place: `installed` stands at the element. What is said of all stands at the first."""
    name = transformation.name
    for number, place in enumerate(transformation.executables or (None,)):
        installed = None if place is None else _flag(place.installed)
        element = _add(
            root,
            "executable",
            name=name.name,
            namespace=name.namespace,
            version=name.version,
            installed=installed,
        )
        if number == 0:
            _add_profiles(element, transformation.profiles)
            _add_metadata(element, transformation.metadata)
        if place is not None:
            _add(element, "pfn", url=place.url, site=place.site)
        if number == 0:
            _add_hooks(element, transformation.hooks)


def _add_requirements(root: Element, transformation: Transformation) -> None:
    if not transformation.requires:
        return
    name = transformation.name
    element = _add(root, "transformation", name=name.name, namespace=name.namespace, version=name.version)
    for required in transformation.requires:
        parsed = TransformationName.parse(required)
        _add(
            element,
            "uses",
            name=parsed.name,
            namespace=parsed.namespace,
            version=parsed.version,
            executable="true",
        )


def _add_task(root: Element, task: Task) -> None:
    name = task.transformation
    named = {} if name is None else {"namespace": name.namespace, "name": name.name, "version": name.version}
    element = _add(
        root,
        _TAGS[task.kind],
        id=task.id,
        **named,
        file=task.file,
        node_label=task.label,
    )
    if task.arguments:
        _add(element, "argument", task.arguments)
    _add_metadata(element, task.metadata)
    _add_profiles(element, task.profiles)
    for tag, file, link in (
        ("stdin", task.stdin, Link.INPUT),
        ("stdout", task.stdout, Link.OUTPUT),
        ("stderr", task.stderr, Link.OUTPUT),
    ):
        if file is not None:
            _add(element, tag, name=file, link=link.value)
    for use in task.uses:
        used = _add(
            element,
            "uses",
            name=use.lfn,
            link=use.link.value,
            register=_flag(use.register),
            transfer=_flag(use.stage_out),
            size=use.size,
        )
        _add_metadata(used, use.metadata)
    _add_hooks(element, task.hooks)


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _add_edges(root: Element, edges: Iterable[tuple[str, str]]) -> None:
    children: dict[str, Element] = {}
    for parent, child in edges:
        if child not in children:
            children[child] = _add(root, "child", ref=child)
        _add(children[child], "parent", ref=parent)
