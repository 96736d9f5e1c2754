"""Where a DAGMan runs and writes, taken from its submit file and its own log, wherever the directory is now."""

from __future__ import annotations

import os
import posixpath
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from condor_templates.next_command import completed
from dag_rewriter import files
from dag_rewriter.directory.dagman_options import DagmanStart, called_in, dagman_start
from dag_rewriter.errors import FileError
from dag_rewriter.logs.dagman_settings import node_log_in

_HEAD = 1 << 16
"""Bytes of a dagman.out that hold all that DAGMan says of its settings."""


@dataclass(frozen=True, slots=True)
class DagmanPlaces:
    """What is elsewhere than condor_submit_dag puts it by itself; None: where it always is."""

    start: Path | None = None
    """where DAGMan runs, if that is not where the DAG is"""
    debug_log: Path | None = None
    event_log: Path | None = None
    nodes_log: Path | None = None
    dags: tuple[str, ...] = ()
    """where several DAGs were submitted as one: all of them, as seen from where condor_submit_dag was called"""
    at_home: bool = False
    """whether the names in each of these begin where it lies"""
    outfile_dir: str | None = None
    """as condor_submit_dag was told, for the next time"""

    @property
    def again(self) -> str:
        """What goes on with several DAGs that were submitted as one, typed in `start`: `bridle run` takes one alone."""
        options = [
            *(["-usedagdir"] if self.at_home else []),
            *(["-outfile_dir", self.outfile_dir] if self.outfile_dir else []),
        ]
        return shlex.join(["condor_submit_dag", *options, *self.dags]) if self.dags else ""


USUAL = DagmanPlaces()


def to_type(text: str, run: Path | None, places: DagmanPlaces = USUAL) -> str:
    """A message with its commands as they can be typed: of several DAGs that were submitted as one, all go on.

    >>> to_type("mend it, then `bridle run`", Path("/f/a.dag"), DagmanPlaces(dags=("a.dag", "b/c.dag")))
    'mend it, then `condor_submit_dag a.dag b/c.dag` in /f'
    """
    if places.again and run is not None:
        text = text.replace("`bridle run`", f"`{places.again}` in {places.start or run.absolute().parent}")
    return completed(text, run)


def find_places(dag_file: Path, submit_file: Path, planned: str | None = None) -> DagmanPlaces:
    """From the submit file of the DAGMan job, if there is one. `planned` is where the directory was at first."""
    try:
        data = files.read_if_there(submit_file, files.SMALL)
    except FileError:
        data = None
    if data is None:
        return USUAL
    told = dagman_start(data)
    called = (_called_in(dag_file, told.dags[0]) if told.dags else None) or dag_file.parent
    # Of several with -usedagdir, each begins where it lies; how they are called begins where they were submitted.
    start = dag_file.parent if told.uses_dag_dir and len(told.dags) < 2 else called
    usual = dag_file.with_name(f"{dag_file.name}.dagman.out")
    debug_log = _debug_log(told, called, usual, planned)
    return DagmanPlaces(
        None if start == dag_file.parent else start,
        debug_log,
        _if_other(
            _placed(told.event_log, called, planned), dag_file.with_name(f"{dag_file.name}.dagman.log")
        ),
        _nodes_log(debug_log or usual, dag_file, called),
        told.dags if len(told.dags) > 1 else (),
        told.uses_dag_dir,
        told.outfile_dir,
    )


def leading_dag(dag_file: Path, submit_file: Path) -> Path | None:
    """The first of the DAGs that were submitted as one with this one, after which their files are called.

    None if it is the first itself, has a submit file for DAGMan of its own, or was never submitted. Looked for where it
    lies, in the directories above, and in those beside: no file of the others names the first.
    """
    if os.path.lexists(submit_file):
        return None
    here = dag_file.resolve()
    for directory in _around(dag_file.parent):
        names = sorted(name for name in _names_in(directory) if name.endswith(_SUBMIT_FILE))
        for name in names[:_MOST_LOOKED_AT]:
            if _leads(directory / name.removesuffix(_SUBMIT_FILE), dag_file, here):
                return directory / name.removesuffix(_SUBMIT_FILE)
    return None


_SUBMIT_FILE = ".condor.sub"
_MOST_LOOKED_AT = 100
_UPWARDS, _BESIDE = 5, 2
"""How many directories upwards are looked into, and at how many of them what lies beside is too."""


def _around(directory: Path) -> Iterator[Path]:
    """The directory, then those above it with what lies in them, as far as they belong to the same user."""
    yield directory
    owner = _owner(directory)
    for level, above in enumerate(islice(directory.parents, _UPWARDS)):
        if _owner(above) != owner:
            return
        yield above
        if level < _BESIDE:
            beside = (above / name for name in sorted(_names_in(above))[: 10 * _MOST_LOOKED_AT])
            folders = (each for each in beside if each != directory and _is_folder_of(each, owner))
            yield from islice(folders, _MOST_LOOKED_AT)


def _names_in(directory: Path) -> list[str]:
    try:
        return files.names_in(directory)
    except (FileError, OSError):
        return []  # it is not for us to see


def _owner(directory: Path) -> int | None:
    try:
        return directory.stat().st_uid
    except OSError:
        return None


def _is_folder_of(path: Path, owner: int | None) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner


def _leads(first: Path, dag_file: Path, here: Path) -> bool:
    """Whether a DAG was submitted as one with another DAG, which `here` is in truth."""
    try:
        dags = dagman_start(
            files.read_if_there(first.with_name(first.name + _SUBMIT_FILE), files.SMALL) or b""
        ).dags
    except FileError:
        return False
    if len(dags) < 2 or not _is_file(first):
        return False
    called = _called_in(first, dags[0])
    for each in dags[1:]:
        place = called or (dag_file.parent if each.startswith("/") else called_in(dag_file, each))
        if place is not None and (place / each).resolve() == here:
            return (place / dags[0]).resolve() == first.resolve()
    return False


def _called_in(first: Path, named: str) -> Path | None:
    """Where condor_submit_dag was called, by how it names the DAG, or by what DAGMan says in its log."""
    return called_in(first, named) or _called_by_log(first, named)


def _called_by_log(first: Path, named: str) -> Path | None:
    """DAGMan puts its own directory before the name of its node log; None where another run's log is there."""
    end = f"/{posixpath.dirname(named) or '.'}/{first.name}.nodes.log"
    for text in _heads(first.with_name(f"{first.name}.dagman.out")):
        log = node_log_in(text, first.name) or ""
        directory = Path(log.removesuffix(end))
        if log.endswith(end) and (directory / named).resolve() == first.resolve():
            return directory
    return None


def _placed(name: str | None, called: Path, planned: str | None) -> Path | None:
    """A file of the submit file; what was planned inside the directory lies where that is now."""
    if not name:
        return None
    if planned and name.startswith(planned.rstrip("/") + "/"):
        name = name[len(planned.rstrip("/")) + 1 :]
    return Path(os.path.normpath(called / name))


def _if_other(path: Path | None, usual: Path) -> Path | None:
    """None where the usual one is meant, or where no plain file is: another one than that of a copied directory."""
    if (
        path is None
        or path == usual
        or not _is_his(path, usual)
        or (_is_file(usual) and path.samefile(usual))
    ):
        return None
    return path


def _debug_log(told: DagmanStart, called: Path, usual: Path, planned: str | None) -> Path | None:
    path = _placed(told.debug_log, called, planned)
    if path is None or path == usual:
        return None
    if told.outfile_dir is not None:
        return path if _is_his(path, usual) or not os.path.lexists(path) else None
    return None if _is_file(usual) else _if_other(path, usual)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _is_his(path: Path, beside: Path) -> bool:
    """A plain file of whom the directory belongs to: another user's run names no file of mine for me to read."""
    try:
        return _is_file(path) and path.stat().st_uid == beside.parent.stat().st_uid
    except OSError:
        return False


def _nodes_log(debug_log: Path, dag_file: Path, called: Path) -> Path | None:
    usual = dag_file.with_name(f"{dag_file.name}.nodes.log")
    for text in _heads(debug_log):
        name = node_log_in(text, dag_file.name)
        if name is not None:
            # DAGMan names what lies below its own directory by "DIRECTORY/./NAME".
            inside = name.partition("/./")[2]
            places = (Path(os.path.normpath(called / each)) for each in (inside, name) if each)
            return _if_other(next((each for each in places if each == usual or _is_file(each)), None), usual)
    return None


def _heads(debug_log: Path) -> Iterator[bytes]:
    """What may hold the settings of the last DAGMan, then of the first one."""
    if not _is_file(debug_log):
        return
    try:
        with files.stream_of(debug_log) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 4 * _HEAD))
            yield stream.read(4 * _HEAD)
            if size > 4 * _HEAD:
                stream.seek(0)
                yield stream.read(_HEAD)
    except OSError:
        return
