"""The steps of a rescue: files renamed, a new file written. Nothing is edited, nothing deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dag_rewriter import files
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.errors import FileError


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file is renamed."""

    path: Path
    to: Path


@dataclass(frozen=True, slots=True)
class Write:
    """A new file."""

    path: Path
    data: bytes


Step: TypeAlias = SetAside | Write


def carry_out(steps: Iterable[Step]) -> None:
    """Does them in this order. Raises OtherOwnerError; FileError, also for a file made meanwhile by others."""
    for step in steps:
        require_own(step.path.parent)
        target = step.to if isinstance(step, SetAside) else step.path
        if files.mode_of(target) is not None:
            raise FileError(str(target), "it was not there a moment ago", "see who made it, then try again")
        if isinstance(step, SetAside):
            # Copied first: at no instant is the file under neither name.
            files.replace(step.to, files.read(step.path))
            files.remove(step.path)
        else:
            files.replace(step.path, step.data)


def told(steps: Iterable[Step], root: Path, *, would: bool) -> Iterator[str]:
    """For people; paths from `root`."""
    for step in steps:
        if isinstance(step, SetAside):
            verb = "would rename" if would else "renamed"
            yield f"{verb} {_from(step.path, root)} to {step.to.name}"
        else:
            yield f"{'would write' if would else 'wrote'} {_from(step.path, root)}"


def _from(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
