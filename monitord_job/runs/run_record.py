"""A run as it is stored, in figures, with a JSON form: what `bridle list` keeps of a run that has ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Seen = tuple[tuple[str, int, int], ...]
"""Files as they were when a run was looked at: path, time of the last change in ns, size in bytes; -1: not there."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is stored of a run. Times in seconds since the epoch; paths as text.

    `counts` are jobs by `NodeStatus.value`, empty if they are not known; `ending` is an `Ending.value`, None while the
    run goes on as far as that is stored.
    """

    dag_file: str
    name: str
    directory: str = ""
    """the submit directory, or the DAG of a run that Pegasus did not plan: what commands take"""
    wf_uuid: str | None = None
    label: str | None = None
    user: str | None = None
    job: str | None = None
    started: int | None = None
    begun: int | None = None
    ended: int | None = None
    ending: str | None = None
    total: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    held_below: int = 0
    unread: str = ""
    """why nothing is known of it"""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def record_of(values: Mapping[str, Any]) -> RunRecord:
    """The inverse of `as_json`; TypeError for what is none.

    >>> record_of(RunRecord("/r/x.dag", "x", counts={"held": 1}).as_json()).counts
    {'held': 1}
    """
    return RunRecord(**values)


def with_held(record: RunRecord, own: int, below: int) -> RunRecord:
    """The record, with so many nodes of the run itself, and of those below it, held at least: no log tells of some.

    >>> with_held(RunRecord("x.dag", "x", counts={"queued": 1, "running": 2, "held": 1}), 3, 0).counts
    {'running': 1, 'held': 3}
    """
    counts = dict(record.counts)
    for word in ("queued", "running"):
        moved = max(0, min(counts.get(word, 0), own - counts.get("held", 0)))
        if moved:
            counts |= {word: counts[word] - moved, "held": counts.get("held", 0) + moved}
    kept = {word: number for word, number in counts.items() if number}
    return replace(record, counts=kept, held_below=max(record.held_below, below))


def name_of(dag_file: Path, label: str | None, *, is_planned: bool) -> str:
    """What a run is called: by label and directory, or by its DAG if Pegasus did not plan it.

    >>> name_of(Path("/runs/mosaic/run0001/mosaic-0.dag"), "mosaic", is_planned=True)
    'mosaic/run0001'
    >>> name_of(Path("/runs/diamond.dag"), "diamond", is_planned=False)
    'diamond'
    """
    if not is_planned:
        return dag_file.name.removesuffix(".dag")
    return f"{label or 'workflow'}/{dag_file.parent.name}"
