"""The runs that a user has submitted or watched over: a file for each below `~/.local/state/bridle/runs`.

It says where to look, and nothing of how a run stands: one that is lost, or that names what is gone, harms nothing.
HOME and not XDG_STATE_HOME, as for what is confirmed: both stand below `state_folder`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from condor_templates.dagman_config import HOME
from dag_rewriter import files
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.trusted_files import read_trusted
from dag_rewriter.errors import FileError

LOG = logging.getLogger("bridle.runs")
_KEPT = 30 * 86400
"""Seconds that a run is remembered whose DAG is gone: its file system may come back."""
_NAME = 40


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run that was noted: its DAG's file, whether Pegasus planned it, and when it was noted first (epoch)."""

    dag_file: Path
    is_planned: bool
    noted: int

    @property
    def directory(self) -> Path:
        """What commands take: the directory that was planned, or the DAG."""
        return self.dag_file.parent if self.is_planned else self.dag_file


def state_folder() -> Path:
    """What bridle keeps for the user. BRIDLE_HOME: what DAGMan has for HOME may be another one."""
    return Path(os.environ.get(HOME) or Path.home()) / ".local" / "state" / "bridle"


def runs_folder() -> Path:
    return state_folder() / "runs"


def note_run(submit_dir: SubmitDir) -> None:
    """Remember a run of the caller's own, at the top of its hierarchy. Nothing is raised: it goes on without."""
    is_below = submit_dir.wf_uuid != submit_dir.root_wf_uuid
    if is_below or other_owner(submit_dir.path) is not None:
        return
    dag_file = submit_dir.dag_file
    try:
        place = _place(dag_file)
        if files.mode_of(place) is not None:
            return
        files.make_private(place.parent)
        entry = {"dag": str(dag_file), "planned": submit_dir.is_planned, "noted": int(time.time())}
        files.replace(place, json.dumps(entry).encode() + b"\n", mode=0o600)
    except (FileError, OSError, RuntimeError) as error:  # RuntimeError: there is no home
        LOG.info("the run is not remembered for `bridle list`: %s", error)


def figures_place(directory: Path) -> Path:
    """Where the figures of a run that has ended are kept: of what commands take, a planned directory or a DAG."""
    return runs_folder() / f"{_key(directory)}.figures"


def _place(dag_file: Path) -> Path:
    return runs_folder() / f"{_key(dag_file)}.json"


def _key(path: Path) -> str:
    return hashlib.sha256(bytes(path.parent.resolve() / path.name)).hexdigest()[:_NAME]


def known_runs() -> list[KnownRun]:
    """All that were noted and whose DAG is there. An entry that cannot be read is passed over."""
    with suppress(FileError, RuntimeError):
        folder = runs_folder()
        if files.mode_of(folder) is not None:
            return [run for name in sorted(files.names_in(folder)) for run in _read(folder / name)]
    return []


def _read(place: Path) -> Iterator[KnownRun]:
    if place.suffix != ".json" or len(place.stem) != _NAME:
        return
    try:
        record = json.loads(read_trusted(place, files.SMALL) or b"null")
        known = KnownRun(Path(str(record["dag"])), bool(record["planned"]), int(record["noted"]))
        if files.mode_of(known.dag_file) is not None:
            yield known
        elif time.time() - known.noted > _KEPT:
            files.remove(place)
            files.remove(figures_place(known.directory))
    except (FileError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        LOG.info("%s: it is passed over: %s", place, error)
