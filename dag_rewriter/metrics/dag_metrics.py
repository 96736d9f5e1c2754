"""What a DAG is made of, as values: counts by kind, job class, category, universe, level. Pure.

`DagMetrics` has a JSON form and its inverse; it is what X.bridle.metrics holds and the monitor loads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from condor_templates.policy import JobClass, JobFacts
from dag_rewriter.directory.submit_file import facts_of, telling_lines
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.model.splices import WholeDag
from dag_rewriter.model.tally import Tally, levels_of

VERSION = 1
UNASSIGNED = "none"
"""Stands for nodes that have no job class, or no category."""
_CLASSES = {known.value: known.name.lower().replace("_", "-") for known in JobClass}
_SUBDAG = JobFacts("", job_class=JobClass.SUB_DAG.value, universe="scheduler")
_UNKNOWN = JobFacts("", universe="unknown")
"""of a node without a submit file, or whose file is not there (yet)"""
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
    except (ValueError, RecursionError) as error:
        raise MetricsError("metrics", f"they are no JSON: {error}", _AGAIN) from error
    if not isinstance(value, dict):
        raise MetricsError("metrics", "they are no JSON object", _AGAIN)
    return DagMetrics.from_json(value)


def jobs_in(counts: Tally, facts: Mapping[str, JobFacts]) -> Counter[JobFacts]:
    """How many nodes have the same facts; `facts` are those of the submit files that are there, by path."""
    jobs: Counter[JobFacts] = Counter()
    for path, number in counts.submit_files.items():
        jobs[facts.get(path, _UNKNOWN)] += number
    descriptions: Counter[bytes] = Counter()
    for description, number in counts.descriptions.items():
        descriptions[telling_lines(description)] += number
    for description, number in descriptions.items():
        jobs[facts_of("", description)] += number
    jobs[_SUBDAG] += counts.kinds[NodeKind.SUBDAG]
    jobs[_UNKNOWN] += counts.kinds.total() - jobs.total()
    return +jobs


def dag_metrics(whole: WholeDag, counts: Tally, jobs: Counter[JobFacts]) -> DagMetrics:
    """All of it; `counts` is of the same DAG, and `jobs` what `jobs_in` gives."""
    classes: Counter[int | None] = Counter()
    universes: Counter[str] = Counter()
    for facts, number in jobs.items():
        classes[facts.job_class] += number
        universes[facts.universe] += number
    # An edge between nodes of a splice and of the DAG may be drawn twice.
    edges = len(set(whole.edges())) if whole.links else sum(len(part.dag.edges) for part in whole.parts)
    return DagMetrics(
        nodes=counts.kinds.total(),
        edges=edges,
        kinds=_sorted({kind.value: number for kind, number in counts.kinds.items()}),
        job_classes=_sorted({class_name(job_class): number for job_class, number in classes.items()}),
        categories=_sorted({name or UNASSIGNED: number for name, number in counts.categories.items()}),
        universes=_sorted(universes),
        levels=levels_of(whole),
        sub_workflows=sum(classes[number] for number in _SUB_WORKFLOWS),
        splices=len(whole.parts) - 1,
    )


def class_name(job_class: int | None) -> str:
    """Pegasus's class as a word.

    >>> [class_name(number) for number in (1, 8, None, 99)]
    ['compute', 'cleanup', 'none', 'class-99']
    """
    return UNASSIGNED if job_class is None else _CLASSES.get(job_class, f"class-{job_class}")


def _sorted(counts: Mapping[str, int]) -> Mapping[str, int]:
    """The largest first."""
    return MappingProxyType(dict(Counter(counts).most_common()))
