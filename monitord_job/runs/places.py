"""Where runs are: in the user's registry, in the queue, below a folder."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dag_rewriter.directory.known_runs import known_runs
from dag_rewriter.directory.locate import dags_in
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import was_planned
from monitord_job.condor_job import QueuedJob

_DEEPEST = 8
"""Folders within each other that are looked into."""
_SIGNS = (".bridle.braindump.yml", ".bridle.sub", ".dag.dagman.log")
"""What lies beside a DAG that was run: after its name without .dag."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: its directory, if Pegasus planned it, or its DAG; with what the queue says.

    `noted` is when it was noted, or submitted, in seconds since the epoch.
    """

    path: Path
    noted: int = 0
    job: QueuedJob | None = None

    @property
    def folder(self) -> Path:
        """Whose it is says whose run it is."""
        return self.path if self.path.is_dir() else self.path.parent


def places_of(queue: Iterable[QueuedJob], *, folder: Path | None, all_users: bool) -> list[Place]:
    """Each run once: those of the registry and of the queue, or those below a folder.

    Without `all_users`, of the queue those whose directory is the caller's own.
    """
    queued = {place.path.resolve(): place for place in _of_queue(queue)}
    noted = below(folder) if folder is not None else (Place(run.directory, run.noted) for run in known_runs())
    places: dict[Path, Place] = {}
    for place in noted:
        real = place.path.resolve()
        places[real] = replace(place, job=queued[real].job if real in queued else None)
    if folder is None:
        more = {real: place for real, place in queued.items() if real not in places}
        places |= {
            real: place for real, place in more.items() if all_users or other_owner(place.folder) is None
        }
    return list(places.values())


def _of_queue(jobs: Iterable[QueuedJob]) -> Iterator[Place]:
    """The DAGMans that no other one has submitted."""
    for job in jobs:
        if job.dag_file is not None and not job.parent and not job.is_monitor:
            folder = job.dag_file.parent
            yield Place(folder if was_planned(folder) else job.dag_file, job.queued, job)


def _was_run(dag: Path, names: Container[str]) -> bool:
    return any(dag.name.removesuffix(".dag") + sign in names for sign in _SIGNS)


def below(folder: Path) -> Iterator[Place]:
    """The submit directories below a folder, and the DAGs without Pegasus that were run there; no sub-workflows."""
    waiting = [(folder.absolute(), 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as entries:
                there = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue  # it is not for us to see
        names = {entry.name for entry in there}
        if was_planned(place):
            yield Place(place)
            continue
        if any(name.endswith(_SIGNS) for name in names):
            yield from (Place(dag) for dag in dags_in(place) if _was_run(dag, names))
        if depth < _DEEPEST:
            folders = [Path(entry.path) for entry in there if entry.is_dir(follow_symlinks=False)]
            waiting += [(one, depth + 1) for one in reversed(folders)]
