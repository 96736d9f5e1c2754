"""A run as it is stored, in figures, with a JSON form: what `bridle list` keeps of a run that has ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
