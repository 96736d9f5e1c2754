"""Files of a submit directory that hold commands, as their user confirmed them.

What a job brings back may be any file of the submit directory, of any name: so what may be run stands elsewhere, in the
user's own `~/.local/state/bridle/confirmed`, a file for each: the content that was confirmed, its SHA-256, by whom and
when; the programs that it names, pinned; and earlier contents, for what they made due may be delivered. HOME and not
XDG_STATE_HOME: the first is what DAGMan has, and so the monitor as BRIDLE_HOME.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

from dag_rewriter import files
from dag_rewriter.directory.known_runs import state_folder
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.policy_paths import FOLDER_POLICY
from dag_rewriter.directory.programs import changed, pins
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.trusted_files import read_trusted
from dag_rewriter.errors import FileError, UntrustedFileError

_TRACES = (".dagman.out", ".dagman.log", ".nodes.log", ".jobstate.log")
"""How files end that are there once a DAGMan has run in a directory."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a user said may be run: the whole content of a file, by whom and when (seconds since the epoch).

    `path`: of the file, as it was then. `earlier`: contents that were confirmed before and have what this has not.
    `programs`: SHA-256 of the files that they name, by `programs.place_of`; None: an earlier bridle did not look.
    """

    path: Path
    data: bytes
    by: str
    at: int
    earlier: tuple[bytes, ...] = ()
    programs: Mapping[str, str] | None = None

    @property
    def contents(self) -> tuple[bytes, ...]:
        """All that was ever confirmed."""
        return self.data, *self.earlier


_EARLIER = 100
"""Contents that are remembered."""


def confirmations() -> Path:
    """The folder in which it stands what was confirmed."""
    return state_folder() / "confirmed"


def confirmation_file(path: Path) -> Path:
    """Where it stands what was confirmed of the file at that path."""
    key = hashlib.sha256(bytes(path.parent.resolve() / path.name)).hexdigest()
    return confirmations() / f"{key[:40]}.json"


def confirmed(path: Path) -> Confirmed | None:
    """What was confirmed of a file; None if nothing was. FileError or UntrustedFileError if that cannot be known."""
    return read_confirmation(confirmation_file(path), str(path))


def read_confirmation(place: Path, of: str = "a file") -> Confirmed | None:
    """The same from where it stands."""
    data = read_trusted(place, files.OUR_OWN)
    if data is None:
        return None
    try:
        record = json.loads(data)
        content = _bytes(record["content"])
        is_whole = hashlib.sha256(content).hexdigest() == record.get("sha256")
        programs = record.get("programs")
        entry = Confirmed(
            Path(str(record.get("path"))),
            content,
            str(record["by"]),
            int(record["at"]),
            tuple(map(_bytes, record.get("earlier", ()))),
            None if programs is None else {str(name): str(said) for name, said in programs.items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        what = f"what was confirmed of {of} cannot be understood"
        raise FileError(str(place), what, "remove it, then `bridle notify confirm` again")
    return entry


def _bytes(text: Any) -> bytes:
    return str(text).encode("utf-8", "surrogateescape")


def confirm(path: Path, data: bytes, named: bytes | None = None, *, below: bool = False) -> None:
    """From now on, the rules of this content may be run wherever they stand in that file. FileError.

    The programs that `named` names (None: all of it) may be run as they are now, others as they were before. `below`:
    as far as they are in the file's own folder; where jobs of the workflow above write, they may be another's by now.
    """
    place = confirmation_file(path)
    files.make_private(place.parent)
    known = None
    with suppress(FileError):  # what cannot be understood says nothing of what was
        known = confirmed(path)
    programs: dict[str, str] | None = pins(data if named is None else named, path.parent)
    if below:
        inside = os.path.realpath(path.parent) + os.sep
        programs = {name: said for name, said in (programs or {}).items() if name.startswith(inside)}
    if known is not None:
        is_unknown = known.programs is None and named is not None
        programs = None if is_unknown else {**(known.programs or {}), **(programs or {})}
    entry = {
        "path": str(path),
        "by": getuser(),
        "at": int(time.time()),
        "sha256": hashlib.sha256(data).hexdigest(),
        "content": data.decode("utf-8", "surrogateescape"),
        "earlier": [text.decode("utf-8", "surrogateescape") for text in _earlier(known, data)],
        "programs": programs,
    }
    files.replace(place, json.dumps(entry, indent=1).encode() + b"\n", mode=0o600)


def _earlier(known: Confirmed | None, data: bytes) -> list[bytes]:
    """What was confirmed before, as far as any line of it is no more."""
    there = frozenset(data.splitlines())
    contents = () if known is None else dict.fromkeys(known.contents)
    return [text for text in contents if not there.issuperset(text.splitlines())][:_EARLIER]


def command_files(submit_dir: SubmitDir) -> tuple[Path, Path, Path]:
    """The files of a submit directory that may hold rules: the planner's, the user's, the policy."""
    return submit_dir.notify, submit_dir.bridle_notify, submit_dir.path / FOLDER_POLICY


def confirm_at_submit(submit_dir: SubmitDir, *, below: bool) -> tuple[str, ...]:
    """Confirm what stands there before any job can have brought it back; what is left unconfirmed, as notes.

    Once a DAGMan has run in the directory, a new or changed file may be a job's. `below`: a sub-workflow, planned while
    jobs of the one above run; what the planner has just written counts.
    """
    if other_owner(submit_dir.path) is not None:
        return ()
    candidates = command_files(submit_dir)[:1] if below else command_files(submit_dir)
    return tuple(_confirm_new(submit_dir, candidates, below=below))


def _confirm_new(submit_dir: SubmitDir, candidates: tuple[Path, ...], *, below: bool) -> Iterator[str]:
    for path in candidates:
        try:
            data = read_trusted(path, files.MANY)
            known = confirmed(path) if data else None
            others = changed(known.programs or {}) if known is not None else []
            if not data or (known is not None and known.data == data and not others):
                continue
            is_doubted = _may_be_a_jobs(submit_dir, path)
            if not is_doubted:
                confirm(path, data, below=below)
        except UntrustedFileError as error:
            yield f"its rules do not hold: {error}"
            continue
        if is_doubted and (known is None or known.data != data):
            yield unconfirmed_note(path, submit_dir, changed=known is not None)
        if is_doubted:
            yield from (f"{program} {CHANGED}: it is {not_run(submit_dir)}" for program in others)


def unconfirmed_note(path: Path, submit_dir: SubmitDir, *, changed: bool) -> str:
    """What is said of a file that a job may have written."""
    came = "has changed" if changed else "is new"
    return (
        f"{path.name} {came} since a DAGMan ran here, and may come from a job: what is new in it is not run until you "
        f"say `bridle notify confirm {target_of(submit_dir)}`"
    )


CHANGED = "has changed since the rules that name it were confirmed"


def not_run(submit_dir: SubmitDir) -> str:
    """What becomes of a command that may come from a job, and the way out."""
    return f"not run until you say `bridle notify confirm {target_of(submit_dir)}`"


def target_of(submit_dir: SubmitDir) -> Path:
    """The run as commands take it."""
    return submit_dir.path if submit_dir.is_planned else submit_dir.dag_file


def _may_be_a_jobs(submit_dir: SubmitDir, path: Path) -> bool:
    """Whether a job may have brought a file back, in a directory that jobs can write to.

    So it may if a DAGMan has run this DAG there, or has run another one and was at work, or is, when the file was
    written. Jobs can make traces of a DAGMan, and not take them away.
    """
    with suppress(FileError):
        names = files.names_in(submit_dir.path)
        runs: dict[str, list[str]] = {}
        for name in names:
            if (trace := next(filter(name.endswith, _TRACES), None)) is not None:
                runs.setdefault(name.removesuffix(trace), []).append(name)
        own = (f"{submit_dir.dag}.", f"{submit_dir.base}.")
        if runs and (submit_dir.is_planned or any(f"{dag}.".startswith(own) for dag in runs)):
            return True
        if any(f"{dag}.lock" in names for dag in runs if not dag.endswith(".bridle")):  # that is a monitor's
            return True
        ended = (_at_work_until(submit_dir.path, dag, traces) for dag, traces in runs.items())
        return max(ended, default=0) >= files.changed_at(path)
    return True


def _at_work_until(directory: Path, dag: str, traces: list[str]) -> int:
    """By what DAGMan wrote last: its monitor, whose events stand in X.nodes.log, may outlive it."""
    log = f"{dag}{_TRACES[0]}"
    return max(files.written_at(directory / name) for name in ([log] if log in traces else traces))
