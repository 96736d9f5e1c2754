"""What of a pool lies on the disk is its owner's alone: folders 0700, files 0600, whatever the umask."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.trusted_files import require_trusted_folder, user_name
from dag_rewriter.errors import UntrustedFileError
from planner_ext.errors import PoolError


def require_own(folder: Path) -> None:
    """Raises PoolError unless the folder is ours and nobody but us and root can change what is in it.

    `folder`: absolute, without links. The folders above it count: who may rename one can put another pool in
    the place of ours, and its configuration names programs. What does not exist is no danger.
    """
    with contextlib.suppress(FileNotFoundError):
        uid = folder.lstat().st_uid
        if uid != os.geteuid():
            owner = user_name(uid)
            hint = f"let {owner} do it, or choose another directory"
            raise PoolError(str(folder), f"belongs to {owner}", hint)
    try:
        require_trusted_folder(folder)
    except UntrustedFileError as error:
        raise PoolError(error.where, error.what, error.hint) from error


def make_private(folder: Path) -> None:
    """Make the folder (and those above it that are missing) 0700; one that exists becomes it."""
    files.make_private(folder)


def write_private(path: Path, text: str) -> None:
    """Write the file, 0600, so that a reader sees the old or the new text, nothing between."""
    if path.is_symlink() or (path.exists() and stat.S_IMODE(path.stat().st_mode) != 0o600):
        path.unlink()
    files.replace(path, text.encode(), mode=0o600)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Within the block, nobody else holds the lock in that file, which is made if need be."""
    lock = files.open_own(path, mode=0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
