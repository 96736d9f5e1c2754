"""What a DAG is made of, as values: counts by kind, job class, category, universe, level. Pure.

`DagMetrics` has a JSON form and its inverse; it is what X.bridle.metrics holds and the monitor loads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from condor_templates.policy import JobClass, JobFacts
from dag_rewriter.commands import NodeKind
from dag_rewriter.errors import RewriterError
from dag_rewriter.expand import ORDINARY, WholeDag
from dag_rewriter.metrics_levels import level_sizes

VERSION = 1
UNASSIGNED = "none"
"""Stands for nodes that have no job class, or no category."""
_CLASSES = {known.value: known.name.lower().replace("_", "-") for known in JobClass}
_SUB_WORKFLOWS = (JobClass.SUB_WORKFLOW.value, JobClass.SUB_DAG.value)


@dataclass(frozen=True, slots=True)
class DagMetrics:
    """A DAG in numbers; bridle's monitor is not counted."""

    nodes: int = 0
    edges: int = 0
    kinds: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """by DAGMan's command: JOB, SUBDAG EXTERNAL, FINAL ..."""
    job_classes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """by Pegasus's class: compute, stage-in, cleanup ...; "none" without one"""
    categories: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    universes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """by the universe of the submit file; a sub-DAG is "scheduler", as DAGMan submits it"""
    levels: tuple[int, ...] | None = ()
    """nodes on each level from the top; None if the graph has a cycle"""
    sub_workflows: int = 0
    splices: int = 0
    version: int = VERSION

    @property
    def width(self) -> int | None:
        """The most nodes on one level."""
        return None if self.levels is None else max(self.levels, default=0)

    @property
    def height(self) -> int | None:
        """The number of levels, which is the length of the critical path in nodes."""
        return None if self.levels is None else len(self.levels)

    def as_json(self) -> dict[str, Any]:
        """For JSON; width, height and critical_path follow from the levels and are there for readers."""
        stored = {key: dict(v) if isinstance(v, Mapping) else v for key, v in _plain(self).items()}
        levels = None if self.levels is None else list(self.levels)
        derived = {"width": self.width, "height": self.height, "critical_path": self.height}
        return {"version": self.version, **stored, **derived, "levels": levels}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DagMetrics:
        """The inverse of as_json; keys of a newer version are left out. Raises MetricsError.

        >>> DagMetrics.from_json(DagMetrics(nodes=2, levels=(1, 1)).as_json()).height
        2
        """
        wrong = [
            key for key, default in _plain(cls()).items() if not _same_type(value.get(key, default), default)
        ]
        levels = value.get("levels", ())
        if levels is not None and not (
            isinstance(levels, (list, tuple)) and all(isinstance(n, int) for n in levels)
        ):
            wrong.append("levels")
        if wrong:
            raise MetricsError("metrics", f"they cannot be understood: {', '.join(wrong)}", _AGAIN)
        given = {key: value[key] for key in _plain(cls()) if key in value}
        maps = {key: MappingProxyType(dict(v)) for key, v in given.items() if isinstance(v, Mapping)}
        return cls(**{**given, **maps}, levels=None if levels is None else tuple(levels))


def _same_type(value: object, default: object) -> bool:
    return isinstance(value, Mapping if isinstance(default, Mapping) else type(default))


_AGAIN = "make them again with `bridle metrics`"


class MetricsError(RewriterError):
    """Metrics that cannot be read."""


def _plain(metrics: DagMetrics) -> dict[str, Any]:
    names = (f.name for f in fields(metrics) if f.name not in ("version", "levels"))
    return {name: getattr(metrics, name) for name in names}


def render_metrics(metrics: DagMetrics) -> bytes:
    """The text of X.bridle.metrics."""
    return (json.dumps(metrics.as_json(), indent=2) + "\n").encode("utf-8", "surrogateescape")


def parse_metrics(data: bytes) -> DagMetrics:
    """The inverse of render_metrics. Raises MetricsError."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise MetricsError("metrics", f"they are no JSON: {error}", _AGAIN) from error
    if not isinstance(value, dict):
        raise MetricsError("metrics", "they are no JSON object", _AGAIN)
    return DagMetrics.from_json(value)


def dag_metrics(whole: WholeDag, jobs: Mapping[str, JobFacts]) -> DagMetrics:
    """Counts everything; `jobs` holds what the submit files say, by node; a node without one counts as unknown."""
    kinds: Counter[str] = Counter()
    classes: Counter[int | None] = Counter()
    categories: Counter[str] = Counter()
    universes: Counter[str] = Counter()
    ordinary: list[str] = []
    for (kind, category, job_class, universe), count in _alike(whole, jobs, ordinary).items():
        kinds[kind.value] += count
        classes[job_class] += count
        categories[category or UNASSIGNED] += count
        universes[universe] += count
    edges = set(whole.edges()) if whole.links else list(whole.edges())
    return DagMetrics(
        nodes=kinds.total(),
        edges=len(edges),
        kinds=_sorted(kinds),
        job_classes=_sorted({class_name(number): count for number, count in classes.items()}),
        categories=_sorted(categories),
        universes=_sorted(universes),
        levels=level_sizes(ordinary, edges),
        sub_workflows=sum(classes[number] for number in _SUB_WORKFLOWS),
        splices=len(whole.parts) - 1,
    )


def _alike(
    whole: WholeDag, jobs: Mapping[str, JobFacts], ordinary: list[str]
) -> Counter[tuple[NodeKind, str | None, int | None, str]]:
    """How many nodes have the same kind, category, class and universe, which are few even for a million nodes; the
    names of those in the graph go to `ordinary`."""
    found: Counter[tuple[NodeKind, str | None, int | None, str]] = Counter()
    monitor = whole.monitor
    for name, kind, category in whole.outlines():
        if name == monitor:
            continue
        if kind in ORDINARY:
            ordinary.append(name)
        if kind is NodeKind.SUBDAG:
            found[kind, category, JobClass.SUB_DAG.value, "scheduler"] += 1
        elif (facts := jobs.get(name)) is None:
            found[kind, category, None, "unknown"] += 1
        else:
            found[kind, category, facts.job_class, facts.universe] += 1
    return found


def class_name(job_class: int | None) -> str:
    """Pegasus's class as a word.

    >>> [class_name(number) for number in (1, 8, None, 99)]
    ['compute', 'cleanup', 'none', 'class-99']
    """
    return UNASSIGNED if job_class is None else _CLASSES.get(job_class, f"class-{job_class}")


def _sorted(counts: Iterable[str] | Mapping[str, int]) -> Mapping[str, int]:
    """The largest first."""
    return MappingProxyType(dict(Counter(counts).most_common()))
