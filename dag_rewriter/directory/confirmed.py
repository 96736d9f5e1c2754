"""Files of a submit directory that hold commands, as their user confirmed them.

What a job brings back may be any file of the submit directory, of any name: so what may be run stands elsewhere, in the
user's own `~/.local/state/bridle/confirmed`, a file for each: the content that was confirmed, its SHA-256, by whom and
when. HOME and not XDG_STATE_HOME: the first is what DAGMan has, and so the monitor as BRIDLE_HOME.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.known_runs import state_folder
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.policy_paths import FOLDER_POLICY
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.trusted_files import read_trusted
from dag_rewriter.errors import FileError, UntrustedFileError

_TRACES = (".dagman.out", ".dagman.log", ".nodes.log", ".jobstate.log")
"""How files end that are there once a DAGMan has run in a directory."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a user said may be run: the whole content of a file, by whom and when (seconds since the epoch)."""

    data: bytes
    by: str
    at: int


def confirmation_file(path: Path) -> Path:
    """Where it stands what was confirmed of the file at that path."""
    key = hashlib.sha256(bytes(path.parent.resolve() / path.name)).hexdigest()
    return state_folder() / "confirmed" / f"{key[:40]}.json"


def confirmed(path: Path) -> Confirmed | None:
    """What was confirmed of a file; None if nothing was. FileError or UntrustedFileError if that cannot be known."""
    place = confirmation_file(path)
    data = read_trusted(place, files.OUR_OWN)
    if data is None:
        return None
    try:
        record = json.loads(data)
        content = str(record["content"]).encode("utf-8", "surrogateescape")
        entry = Confirmed(content, str(record["by"]), int(record["at"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        content, entry = b"", None
    if entry is None or hashlib.sha256(content).hexdigest() != record.get("sha256"):
        what = f"what was confirmed of {path} cannot be understood"
        raise FileError(str(place), what, "remove it, then `bridle notify confirm` again")
    return entry


def confirm(path: Path, data: bytes) -> None:
    """From now on, the rules of this content may be run wherever they stand in that file. FileError."""
    place = confirmation_file(path)
    files.make_private(place.parent)
    entry = {
        "path": str(path),
        "by": getuser(),
        "at": int(time.time()),
        "sha256": hashlib.sha256(data).hexdigest(),
        "content": data.decode("utf-8", "surrogateescape"),
    }
    files.replace(place, json.dumps(entry, indent=1).encode() + b"\n", mode=0o600)


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
    return tuple(_confirm_new(submit_dir, candidates))


def _confirm_new(submit_dir: SubmitDir, candidates: tuple[Path, ...]) -> Iterator[str]:
    has_run: bool | None = None
    for path in candidates:
        try:
            data = read_trusted(path, files.MANY)
            known = confirmed(path) if data else None
            if not data or (known is not None and known.data == data):
                continue
            if has_run is None:
                has_run = _has_run(submit_dir)
            if not has_run:
                confirm(path, data)
        except UntrustedFileError as error:
            yield f"its rules do not hold: {error}"
            continue
        if has_run:
            yield unconfirmed_note(path, submit_dir, changed=known is not None)


def unconfirmed_note(path: Path, submit_dir: SubmitDir, *, changed: bool) -> str:
    """What is said of a file that a job may have written."""
    came = "has changed" if changed else "is new"
    return (
        f"{path.name} {came} since a DAGMan ran here, and may come from a job: what is new in it is not run until you "
        f"say `bridle notify confirm {target_of(submit_dir)}`"
    )


def target_of(submit_dir: SubmitDir) -> Path:
    """The run as commands take it."""
    return submit_dir.path if submit_dir.is_planned else submit_dir.dag_file


def _has_run(submit_dir: SubmitDir) -> bool:
    """Whether any DAGMan has run there: jobs can make such files, and not take them away."""
    with suppress(FileError):
        return any(name.endswith(_TRACES) for name in files.names_in(submit_dir.path))
    return True
