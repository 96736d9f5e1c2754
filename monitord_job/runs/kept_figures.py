"""Figures of runs that have ended, kept beside the registry: nothing is opened while their files stay as they are.

Who stores the end of a run keeps them in a file of the run's own, so that nobody waits for anybody; `bridle list` keeps
those of all runs that it has shown in one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dag_rewriter import files
from dag_rewriter.directory.known_runs import figures_place, runs_folder
from dag_rewriter.directory.trusted_files import read_trusted
from dag_rewriter.errors import FileError
from monitord_job.runs.run_record import RunRecord, Seen, record_of

LOG = logging.getLogger("bridle.runs")
_FORM = 1
_MOST = 20_000


def seen(paths: Iterable[Path]) -> Seen:
    """How these files are now."""
    return tuple(_look(path) for path in paths)


def _look(path: Path) -> tuple[str, int, int]:
    try:
        file_stat = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), file_stat.st_mtime_ns, file_stat.st_size


def keep_until_asked(path: Path, record: RunRecord, files_seen: Seen) -> None:
    """Keep the figures of one run, until somebody asks for them. Nothing is raised: they can be had again."""
    try:
        files.make_private(runs_folder())
        data = json.dumps({"form": _FORM, "run": _entry(record, files_seen)}).encode()
        files.replace(figures_place(path), data, mode=0o600)
    except (FileError, OSError, RuntimeError) as error:  # RuntimeError: there is no home
        LOG.info("the figures of the run are not kept: %s", error)


class KeptFigures:
    """What was kept, by the run's place. To lose it costs time, and nothing else."""

    def __init__(self) -> None:
        runs = _read(_place()).get("runs")
        self._kept: dict[str, Any] = dict(runs) if isinstance(runs, dict) else {}
        self._is_new = False

    def get(self, path: Path) -> RunRecord | None:
        """What is known of a run, if that still holds."""
        record = _holding(self._kept.get(str(path)))
        if record is not None:
            return record
        entry = _read(figures_place(path)).get("run")
        record = _holding(entry)
        if record is not None:
            self._kept[str(path)], self._is_new = entry, True
        return record

    def keep(self, path: Path, record: RunRecord, files_seen: Seen) -> None:
        self._kept[str(path)] = _entry(record, files_seen)
        self._is_new = True

    def write(self) -> None:
        """For the next time: the last one who writes counts, whatever others kept meanwhile."""
        if not self._is_new:
            return
        newest = dict(list(self._kept.items())[-_MOST:])
        try:
            files.make_private(_place().parent)
            data = json.dumps({"form": _FORM, "runs": newest}).encode()
            files.replace(_place(), data, mode=0o600)
        except (FileError, OSError) as error:
            LOG.info("figures of runs are not kept: %s", error)


def _entry(record: RunRecord, files_seen: Seen) -> dict[str, Any]:
    return {"seen": files_seen, "record": record.as_json()}


def _holding(entry: Any) -> RunRecord | None:
    """The record of an entry whose files are as they were; None for any other."""
    try:
        if entry is None or any(
            _look(Path(path)) != (path, when, size) for path, when, size in entry["seen"]
        ):
            return None
        return record_of(entry["record"])
    except (TypeError, KeyError, ValueError):
        return None


def _place() -> Path:
    return runs_folder() / "figures.json"


def _read(place: Path) -> Mapping[str, Any]:
    try:
        kept = json.loads(read_trusted(place) or b"{}")
    except (FileError, ValueError, RecursionError, RuntimeError):
        return {}
    return kept if isinstance(kept, Mapping) and kept.get("form") == _FORM else {}
