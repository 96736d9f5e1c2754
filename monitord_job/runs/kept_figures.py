"""Figures of runs that have ended, kept beside the registry: nothing is opened while their files stay as they are."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dag_rewriter import files
from dag_rewriter.directory.known_runs import runs_folder
from dag_rewriter.directory.trusted_files import read_trusted
from dag_rewriter.errors import FileError
from monitord_job.runs.run_record import RunRecord, Seen, record_of

LOG = logging.getLogger("bridle.runs")
_FORM = 1
_MOST = 20_000


def seen(paths: tuple[Path, ...]) -> Seen:
    """How these files are now."""
    return tuple(_look(path) for path in paths)


def _look(path: Path) -> tuple[str, int, int]:
    try:
        file_stat = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), file_stat.st_mtime_ns, file_stat.st_size


class KeptFigures:
    """What was kept, by the run's place. To lose it costs time, and nothing else."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = _read()
        self._is_new = False

    def get(self, path: Path) -> RunRecord | None:
        """What is known of a run, if that still holds."""
        entry = self._kept.get(str(path))
        try:
            if entry is None or any(
                _look(Path(path)) != (path, when, size) for path, when, size in entry["seen"]
            ):
                return None
            return record_of(entry["record"])
        except (TypeError, KeyError, ValueError):
            return None

    def keep(self, path: Path, record: RunRecord, files_seen: Seen) -> None:
        self._kept[str(path)] = {"seen": files_seen, "record": record.as_json()}
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


def _place() -> Path:
    return runs_folder() / "figures.json"


def _read() -> dict[str, Any]:
    try:
        kept = json.loads(read_trusted(_place()) or b"{}")
    except (FileError, ValueError, RecursionError, RuntimeError):
        return {}
    if not isinstance(kept, Mapping) or kept.get("form") != _FORM or not isinstance(kept.get("runs"), dict):
        return {}
    return dict(kept["runs"])
