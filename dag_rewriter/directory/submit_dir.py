"""Which file of a submit directory is which. Names come from braindump, paths from where the directory is
now.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.directory.braindump import BraindumpError, parse_braindump, parse_braindump_txt
from dag_rewriter.directory.dagman_places import USUAL, DagmanPlaces, find_places
from dag_rewriter.errors import MissingRunError, SubmitDirError

if TYPE_CHECKING:
    from dag_rewriter.model.dag import Dag

_PLAN = "name the directory that pegasus-plan wrote (it holds a braindump.yml)"
_REPLAN = "plan the workflow again, or copy the file from a backup"
_SPLITS = re.compile(r"[\s\"'\\]")
"""What ends a word of a DAG, or is no part of it."""


@dataclass(frozen=True, slots=True)
class SubmitDir:
    """A workflow on disk: one that was planned, or a DAG and its directory."""

    path: Path
    """absolute; where the directory is now, whatever braindump says"""
    braindump: Mapping[str, str | None]
    dag: str
    """the file name of the DAG, e.g. "mosaic-0.dag" """
    places: DagmanPlaces = USUAL
    """where DAGMan runs and writes, as far as that is not the usual"""
    top: SubmitDir | None = None
    """the run that it is a sub-workflow of, as far as somebody has looked for it (`rescue.workflow_above`)"""

    @property
    def run(self) -> SubmitDir:
        """The run at the top: its monitor follows this workflow, too, and keeps it in its database."""
        return self.top or self

    @property
    def start(self) -> Path:
        """Where DAGMan runs: names in the DAG begin there."""
        return self.places.start or self.path

    def named(self, path: Path) -> str:
        """A file of this directory as the DAG is to name it."""
        return os.path.relpath(path, self.start) if self.places.start else path.name

    @property
    def rescue_base(self) -> str:
        """What the rescue DAGs are called after: where several DAGs run as one, it is the first of them."""
        return f"{self.dag}_multi" if self.places.dags else self.dag

    @property
    def base(self) -> str:
        """The DAG's name without .dag; other files are called after it."""
        return self.dag.removesuffix(".dag")

    @property
    def is_planned(self) -> bool:
        """Whether a braindump names the DAG; else it is a DAG without Pegasus."""
        return "dag" in self.braindump

    @property
    def own_braindump(self) -> Path:
        """What stands for the braindump of a DAG without Pegasus once it has a database."""
        return self.path / f"{self.base}.bridle.braindump.yml"

    @property
    def own_properties(self) -> Path:
        """Which database `bridle run --url` was told of; it goes before the planner's properties."""
        return self.path / f"{self.base}.bridle.properties"

    @property
    def wf_uuid(self) -> str | None:
        return self.braindump.get("wf_uuid")

    @property
    def root_wf_uuid(self) -> str | None:
        """The uuid of the workflow at the top; the workflow's own when it is that."""
        return self.braindump.get("root_wf_uuid") or self.wf_uuid

    @property
    def dag_file(self) -> Path:
        return self.path / self.dag

    @property
    def planned_dag(self) -> Path:
        """The planner's DAG, byte for byte; there after a rewrite."""
        return self.path / f"{self.dag}.planned"

    @property
    def condor_sub(self) -> Path:
        """The submit file of the DAGMan job, as the planner or condor_submit_dag wrote it last."""
        return self.path / f"{self.dag}.condor.sub"

    @property
    def planned_condor_sub(self) -> Path:
        """The planner's submit file of the DAGMan job, set aside by a rewrite."""
        return self.path / f"{self.dag}.condor.sub.planned"

    @property
    def _named_in_dag(self) -> str:
        """How files of ours begin that the DAG names: DAGMan before 25.6 takes no quotes around most file names."""
        return _SPLITS.sub(lambda found: f"%{ord(found[0]):02x}", self.base)

    @property
    def monitor_submit(self) -> Path:
        return self.path / f"{self._named_in_dag}.bridle.sub"

    @property
    def monitor_config(self) -> Path:
        """The DAGMan configuration that the rewritten DAG names."""
        return self.path / f"{self._named_in_dag}.bridle.config"

    @property
    def sub_dagman(self) -> Path:
        """What the nodes of sub-workflows that Pegasus plans run: condor_dagman, after their DAG was rewritten."""
        return self.path / f"{self.base}.bridle.condor_dagman"

    @property
    def jobstate_log(self) -> Path:
        """Our own JOBSTATE_LOG; `jobstate_log_of` knows whether the user named another."""
        return self.path / f"{self._named_in_dag}.bridle.jobstate.log"

    @property
    def nodes_log(self) -> Path:
        return self.places.nodes_log or self.path / f"{self.dag}.nodes.log"

    @property
    def dagman_log(self) -> Path:
        """The event log of the DAGMan job itself."""
        return self.places.event_log or self.path / f"{self.dag}.dagman.log"

    @property
    def dagman_out(self) -> Path:
        return self.places.debug_log or self.path / f"{self.dag}.dagman.out"

    @property
    def dagman_lock(self) -> Path:
        return self.path / f"{self.dag}.lock"

    @property
    def halt_file(self) -> Path:
        """While it is there, DAGMan submits nothing."""
        return self.path / f"{self.dag}.halt"

    @property
    def statistics(self) -> Path:
        """The folder of `bridle statistics`: pegasus-statistics has it too; a DAG without Pegasus has its own."""
        return self.path / ("statistics" if self.is_planned else f"{self.base}.statistics")

    @property
    def database(self) -> Path:
        return self.path / f"{self.base}.stampede.db"

    @property
    def lock(self) -> Path:
        """Held by the one live monitor."""
        return self.path / f"{self.base}.bridle.lock"

    @property
    def monitor_log(self) -> Path:
        return self.path / f"{self.base}.bridle.log"

    @property
    def static_bp(self) -> Path:
        return self.path / f"{self.base}.static.bp"

    @property
    def condor_log(self) -> Path:
        """The log that all of the planner's jobs share."""
        return self._named("condor_log", f"{self.base}.log")

    @property
    def notify(self) -> Path:
        return self._named("notify", f"{self.base}.notify")

    @property
    def bridle_notify(self) -> Path:
        """Notification rules that only bridle understands."""
        return self.path / f"{self.base}.bridle-notify"

    @property
    def notifying(self) -> Path:
        """Since when its runs are notified of, in seconds since the epoch: since it was rewritten."""
        return self.path / f"{self.base}.bridle-notifying"

    @property
    def resend(self) -> Path:
        """A folder of requests to deliver notifications again; the monitor takes them."""
        return self.path / f"{self.base}.bridle-resend"

    @property
    def delivered(self) -> Path:
        """What became of notifications, written before the database has it; there while a monitor delivers."""
        return self.path / f"{self.base}.bridle-delivered"

    def _named(self, key: str, default: str) -> Path:
        """A file that braindump names, in this directory, wherever that was when it was planned."""
        return self.path / Path(self.braindump.get(key) or default).name

    @property
    def metrics(self) -> Path:
        return self.path / f"{self.base}.metrics"

    @property
    def bridle_metrics(self) -> Path:
        """What bridle counts itself."""
        return self.path / f"{self.base}.bridle.metrics"


_BRAINDUMPS = {"braindump.yml": parse_braindump, "braindump.txt": parse_braindump_txt}


def was_planned(path: Path) -> bool:
    """Whether a planner has written into this directory."""
    return any(files.mode_of(path / name) is not None for name in _BRAINDUMPS)


def open_submit_dir(path: Path) -> SubmitDir:
    """Finds out what a directory holds; SubmitDirError or FileError when it is no planned workflow."""
    path = path.absolute()
    mode = files.mode_of(path)
    if mode is None:
        raise MissingRunError(str(path), "there is no such directory", _PLAN)
    if not stat.S_ISDIR(mode):
        raise SubmitDirError(str(path), "it is not a directory", _PLAN)
    source, braindump = _read_braindump(path)
    if braindump.get("type") == "shell":
        what = "the workflow was planned for the shell, without a DAG"
        raise SubmitDirError(str(path), what, "plan it for HTCondor (pegasus.code.generator is not set then)")
    dag = braindump.get("dag")
    if not dag or "/" in dag:
        raise SubmitDirError(str(source), "it names no DAG (key `dag`)", _REPLAN)
    if files.mode_of(path / dag) is None:
        raise MissingRunError(str(path / dag), "the DAG that braindump names is not there", _REPLAN)
    return with_places(SubmitDir(path, braindump, dag))


def with_places(submit_dir: SubmitDir) -> SubmitDir:
    """With where DAGMan put what it wrote, if it was ever started here."""
    planned = submit_dir.braindump.get("submit_dir")
    places = find_places(submit_dir.dag_file, submit_dir.condor_sub, planned)
    return replace(submit_dir, places=replace(places, start=places.start or submit_dir.places.start))


def open_dag(dag_file: Path) -> SubmitDir:
    """The directory of a DAG that nobody planned, with what bridle has noted of it. SubmitDirError or FileError."""
    submit_dir = with_places(SubmitDir(dag_file.parent, {}, dag_file.name))
    noted = files.read_if_there(submit_dir.own_braindump, files.SMALL)
    if noted is None:
        return submit_dir
    try:
        return replace(submit_dir, braindump=parse_braindump(noted.decode("utf-8")))
    except (BraindumpError, UnicodeDecodeError) as error:
        what = f"it cannot be understood: {error}"
        raise SubmitDirError(
            str(submit_dir.own_braindump), what, "remove it and the database, then rebuild"
        ) from error


def _read_braindump(path: Path) -> tuple[Path, Mapping[str, str | None]]:
    for name, parse in _BRAINDUMPS.items():
        data = files.read_if_there(path / name, files.SMALL)
        if data is None:
            continue
        try:
            return path / name, parse(data.decode("utf-8"))
        except (BraindumpError, UnicodeDecodeError) as error:
            raise SubmitDirError(str(path / name), f"it cannot be understood: {error}", _REPLAN) from error
    kind = SubmitDirError if files.names_in(path) else MissingRunError
    what = "it has no braindump.yml, so pegasus-plan did not write it (or did not finish)"
    raise kind(str(path), what, _PLAN)


def jobstate_log_of(submit_dir: SubmitDir, dag: Dag) -> Path:
    """The JOBSTATE_LOG that DAGMan writes: the one that the DAG names, ours by default."""
    return submit_dir.start / dag.jobstate_log if dag.jobstate_log else submit_dir.jobstate_log
