"""A submit description -> the files that HTCondor moves for its job, and between where. Pure.

Source: HTCondor's manual, condor_submit and "Submitting Jobs Without a Shared File System"; the paths that Pegasus
writes in its data configuration condorio were seen in plans of 4.9 and 5.1.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from condor_templates.policy import JobClass
from dag_rewriter.directory.submit_file import MACRO, SubmitDescription, expand
from planner_ext.condorio.model import FileKind, Mode

_MOVES = frozenset({"vanilla", "docker", "container", "parallel", "java", "vm"})
"""Universes whose jobs run elsewhere, so that HTCondor has to move files."""
_NO = frozenset({"false", "no", "f", "n", "0", "never"})
_YES = frozenset({"true", "yes", "t", "y", "1"})
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NOWHERE = frozenset({"", "/dev/null"})
_TRANSFERS = frozenset({JobClass.STAGE_IN.value, JobClass.STAGE_OUT.value, JobClass.INTER_SITE.value})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file of a job as the submit description has it; the path is absolute."""

    path: str
    kind: FileKind
    lfn: str


_LOG = NamedFile("", FileKind.LOG, "")
"""Standard output or error: before the run nobody knows its size, and a file of that name is of another run."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What moves for one job."""

    mode: Mode
    inputs: tuple[NamedFile, ...] = ()
    outputs: tuple[NamedFile, ...] = ()
    more_outputs: bool = False
    by_url: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job is submitted, and where its directory was when it was planned."""

    directory: str
    """absolute: names in its description begin there"""
    planned: str | None = None
    here: str = ""
    """where `planned` is now"""

    def absolute(self, name: str, initial: str = "") -> str:
        """A path, where the submit directory is now."""
        path = name if name[:1] == "/" else posixpath.join(self.directory, initial, name)
        if "//" in path or "/." in path or path[-1:] == "/":
            path = posixpath.normpath(path)
        if self.planned and (path == self.planned or path.startswith(self.planned + "/")):
            return self.here + path[len(self.planned) :]
        return path


def moves_of(job: SubmitDescription, macros: Callable[[], Mapping[str, str]], place: Place) -> Moves:
    """What HTCondor moves for a job. `macros` gives those of VARS, by name in lower case: few jobs need them."""
    mode = _mode(job)
    if mode in (Mode.NONE, Mode.PEGASUS):
        return Moves(mode)
    return _Reader(job, macros, place).moves(mode)


def _mode(job: SubmitDescription) -> Mode:
    if job.universe not in _MOVES:
        local_transfer = job.job_class in _TRANSFERS and job.universe in ("local", "scheduler")
        return Mode.PEGASUS if local_transfer else Mode.NONE
    said = (job.text("should_transfer_files") or "").strip().lower()
    if said in _NO:
        return Mode.NONE
    return Mode.CONDOR if said in _YES else Mode.IF_NEEDED


class _Reader:
    """Of one description."""

    def __init__(self, job: SubmitDescription, macros: Callable[[], Mapping[str, str]], place: Place) -> None:
        self._job = job
        self._macros = macros
        self._place = place
        self._initial = self._said("initialdir") or self._said("initial_dir") or ""
        self._by_url = 0

    def moves(self, mode: Mode) -> Moves:
        inputs = tuple(self._inputs())
        outputs = tuple(self._outputs())
        return Moves(mode, inputs, outputs, self._brings_all(), self._by_url)

    def _said(self, name: str) -> str | None:
        assigned = self._job.assigned
        value = assigned.get(name)
        if value is not None and value[:1] == '"':
            value = self._job.text(name) or ""
        if value is None or "$(" not in value:
            return value
        named = (assigned.get(macro[1].lower(), "$(") for macro in MACRO.finditer(value))
        if all("$(" not in one for one in named):
            return expand(value, assigned)
        # What the description sets goes before VARS.
        return expand(value, {**self._macros(), **assigned})

    def _is(self, name: str, *, default: bool) -> bool:
        said = self._said(name)
        return default if said is None else said.strip().lower() not in _NO

    def _list(self, *names: str) -> Sequence[str]:
        said = next((value for name in names if (value := self._said(name)) is not None), "")
        return [word for word in (one.strip() for one in said.split(",")) if word]

    def _inputs(self) -> Iterator[NamedFile]:
        executable = self._said("executable")
        if executable and self._is("transfer_executable", default=True):
            yield from self._file(executable, FileKind.SANDBOX)
        stdin = self._said("input") or self._said("stdin") or ""
        if stdin not in _NOWHERE and self._is("transfer_input", default=True):
            yield from self._file(stdin, FileKind.SANDBOX)
        for name in self._list("transfer_input_files", "transferinputfiles"):
            yield from self._file(name, self._kind(name))

    def _kind(self, name: str) -> FileKind:
        """Pegasus names its own files by their paths in the submit directory, data by names where it is staged."""
        if not name.startswith("/") or self._job.job_class is None or self._place.planned is None:
            return FileKind.DATA
        path = self._place.absolute(name)
        return FileKind.SANDBOX if path.startswith(self._place.here + "/") else FileKind.DATA

    def _file(self, name: str, kind: FileKind) -> Iterator[NamedFile]:
        if "://" in name:
            if _URL.match(name) and not name.startswith("file://"):
                self._by_url += 1
                return
            name = name.removeprefix("file://")
        lfn = posixpath.basename(name.rstrip("/")) if name[:1] == "/" else _plain(name)
        yield NamedFile(self._place.absolute(name, self._initial), kind, lfn)

    def _outputs(self) -> Iterator[NamedFile]:
        for name, streams, moves in (
            ("output", "stream_output", "transfer_output"),
            ("error", "stream_error", "transfer_error"),
        ):
            path = self._said(name) or ""
            streamed = self._is(streams, default=False)
            if path not in _NOWHERE and not streamed and self._is(moves, default=True):
                if _URL.match(path):
                    self._by_url += 1
                else:
                    yield _LOG
        names = self._list("transfer_output_files", "transferoutputfiles")
        if _URL.match(self._said("output_destination") or ""):
            self._by_url += len(names)
            return
        remaps = _remaps(self._said("transfer_output_remaps") or "")
        for name in names:
            own = posixpath.basename(name.rstrip("/")) if name.startswith("/") else _plain(name)
            for one in self._file(remaps.get(name, own), FileKind.DATA):
                yield NamedFile(one.path, one.kind, own)

    def _brings_all(self) -> bool:
        """Without a list, HTCondor brings back each file that the job made; +TransferOutput = "" is an empty list."""
        named = ("transfer_output_files", "transferoutputfiles", "+transferoutput")
        return not any(self._job.get(name) for name in named)


def _plain(name: str) -> str:
    return posixpath.normpath(name) if "./" in name or "//" in name or name[-1:] == "/" else name


def _remaps(text: str) -> dict[str, str]:
    """transfer_output_remaps: "name = path; ..."

    >>> _remaps('a = out/a; b=osdf:///b')
    {'a': 'out/a', 'b': 'osdf:///b'}
    """
    pairs = (one.partition("=") for one in text.strip('"').split(";"))
    return {name.strip(): to.strip() for name, equals, to in pairs if equals}
