"""Abstract workflows as values: what a user wrote for the planner, YAML or XML. The readers and the builder make them.

Two documents that say the same give equal values: what has no order is sorted, arguments are one text with single
blanks (the planner keeps no others), a number is the text that stood there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from monitord_job.notifications.rule import NOWHERE, On, Source

Pairs = tuple[tuple[str, str], ...]
"""Keys and values, sorted; a key is there once."""


class TaskKind(Enum):
    """What a task runs; `.value` is the YAML's `type`."""

    JOB = "job"
    DAX = "pegasusWorkflow"
    """a workflow that the planner will plan"""
    DAG = "condorWorkflow"
    """a DAG that is there already"""


class Link(Enum):
    """What a task does with a file."""

    NONE = "none"
    INPUT = "input"
    OUTPUT = "output"
    INOUT = "inout"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Hook:
    """A command that the user wants run: `<invoke>` in XML, `hooks: shell:` in YAML."""

    on: On
    command: str
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """`namespace` is condor, dagman, env, pegasus, ..."""

    namespace: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Use:
    """A file that a task reads or writes. None is: the document does not say."""

    lfn: str
    link: Link
    stage_out: bool | None = None
    register: bool | None = None
    size: str | None = None
    metadata: Pairs = ()
    for_planning: bool = False
    """the sub-workflow's planner needs it (YAML only)"""
    bypass: bool = False
    """is not staged (YAML only)"""


@dataclass(frozen=True, slots=True)
class File:
    """A file and where it is: (site, URL), sorted."""

    lfn: str
    places: Pairs = ()
    metadata: Pairs = ()


@dataclass(frozen=True, slots=True, order=True)
class TransformationName:
    """A transformation: namespace::name:version, as Pegasus has it."""

    name: str
    namespace: str | None = None
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> TransformationName:
        """The inverse of str().

        >>> TransformationName.parse("diamond::keg:4.0")
        TransformationName(name='keg', namespace='diamond', version='4.0')
        """
        namespace, _, rest = text.rpartition("::")
        name, _, version = rest.partition(":")
        return cls(name, namespace or None, version or None)

    def __str__(self) -> str:
        head = f"{self.namespace}::" if self.namespace else ""
        return f"{head}{self.name}" + (f":{self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class Executable:
    """Where a transformation is on a site."""

    site: str
    url: str
    installed: bool = True


@dataclass(frozen=True, slots=True)
class Transformation:
    """A program that tasks run. Its hooks are for all jobs of it."""

    name: TransformationName
    executables: tuple[Executable, ...] = ()
    hooks: tuple[Hook, ...] = ()
    profiles: tuple[Profile, ...] = ()
    metadata: Pairs = ()
    requires: tuple[str, ...] = ()
    """other transformations that it needs, as namespace::name:version"""


@dataclass(frozen=True, slots=True)
class Task:
    """A job or a sub-workflow of the abstract workflow."""

    id: str
    kind: TaskKind
    transformation: TransformationName | None = None
    """of a JOB"""
    file: str | None = None
    """of a DAX or DAG"""
    label: str | None = None
    arguments: str = ""
    uses: tuple[Use, ...] = ()
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    profiles: tuple[Profile, ...] = ()
    metadata: Pairs = ()
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class AbstractWorkflow:
    """All of a document that matters to bridle, in the order in which it is there."""

    name: str
    tasks: tuple[Task, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    """(parent, child), sorted"""
    hooks: tuple[Hook, ...] = ()
    profiles: tuple[Profile, ...] = ()
    """YAML only"""
    metadata: Pairs = ()
    files: tuple[File, ...] = ()
    transformations: tuple[Transformation, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    """what the reader did not understand and left out: file:line, what, what to do"""

    def transformation(self, name: TransformationName) -> Transformation | None:
        return next((item for item in self.transformations if item.name == name), None)


def pairs(items: Iterable[tuple[str, str]]) -> Pairs:
    """Sorted; the last value of a key counts.

    >>> pairs([("b", "1"), ("a", "2"), ("b", "3")])
    (('a', '2'), ('b', '3'))
    """
    return tuple(sorted(dict(items).items()))


def profiles(items: Iterable[Profile]) -> tuple[Profile, ...]:
    """Sorted; the last value of a key counts."""
    last = {(profile.namespace, profile.key): profile for profile in items}
    return tuple(last[key] for key in sorted(last))


def places(items: Iterable[tuple[str, str]]) -> Pairs:
    """(site, URL) of a file, sorted; a site may have many."""
    return tuple(sorted(set(items)))


def uses(items: Iterable[Use], own_file: str | None = None) -> tuple[Use, ...]:
    """Sorted (Pegasus's own API writes them in any order), without a sub-workflow's own file, which not all name."""
    others = (use for use in items if not (use.lfn == own_file and use.link is Link.INPUT))
    return tuple(sorted(others, key=lambda use: (use.lfn, use.link.value)))


def merged(items: Iterable[Transformation]) -> tuple[Transformation, ...]:
    """One value for each transformation, in their order: XML has an element for each site, and <transformation>."""
    by_name: dict[TransformationName, Transformation] = {}
    for item in items:
        known = by_name.get(item.name)
        by_name[item.name] = item if known is None else _joined(known, item)
    return tuple(by_name.values())


def _joined(one: Transformation, other: Transformation) -> Transformation:
    return replace(
        one,
        executables=tuple(dict.fromkeys(one.executables + other.executables)),
        # The same hook at each site's entry is one: a job runs on one site.
        hooks=tuple(dict.fromkeys(one.hooks + other.hooks)),
        profiles=profiles(one.profiles + other.profiles),
        metadata=pairs(one.metadata + other.metadata),
        requires=tuple(dict.fromkeys(one.requires + other.requires)),
    )


def arguments(words: Iterable[str]) -> str:
    """The words as one text with single blanks.

    >>> arguments(["-i", "a b ", "", "c"])
    '-i a b c'
    """
    return " ".join(" ".join(words).split())
