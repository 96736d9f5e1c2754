"""What of a pool lies on the disk is its owner's alone: folders 0700, files 0600, whatever the umask."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from dag_rewriter import files
from planner_ext.errors import PoolError

_ACCESS_LIST = "system.posix_acl_access"


def require_own(folder: Path) -> None:
    """Raises PoolError unless the folder is ours and nobody but us and root can change what is in it.

    `folder`: absolute, without links. The folders above it count: who may rename one can put another pool in
    the place of ours, and its configuration names programs. What does not exist is no danger.
    """
    for place in (folder, *folder.parents):
        with contextlib.suppress(FileNotFoundError):
            _require_safe(place, place.lstat(), above=place != folder)


def _require_safe(place: Path, status: os.stat_result, above: bool) -> None:
    if status.st_uid != os.geteuid() and not (above and status.st_uid in _rulers()):
        owner = user_name(status.st_uid)
        if above:
            hint = f"choose a directory for the pool that {owner} cannot replace"
        else:
            hint = f"let {owner} do it, or choose another directory"
        raise PoolError(str(place), f"belongs to {owner}", hint)
    if _others_may_write(place, status) and not (above and status.st_mode & stat.S_ISVTX):
        raise PoolError(
            str(place),
            "other users may write in it, and so run programs as you",
            f"see what is in it, then `chmod go-w {place}`, or choose another directory",
        )


def _rulers() -> set[int]:
    """Who may own the folders above a pool: root; in a user namespace, everybody outside looks like one user."""
    whole = Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
    return {0} if whole else {0, int(Path("/proc/sys/kernel/overflowuid").read_text())}


def _others_may_write(place: Path, status: os.stat_result) -> bool:
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not (
        _is_private_group(status.st_gid) and _ACCESS_LIST not in os.listxattr(place)
    )


def _is_private_group(gid: int) -> bool:
    """Whether it is the group that many systems give to each user (named alike, umask 002), without others."""
    user = user_name(os.geteuid())
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def user_name(uid: int) -> str:
    """The user's name, or "uid N" where none is known."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def make_private(folder: Path) -> None:
    """Make the folder (and those above it that are missing) 0700; one that exists becomes it."""
    for place in (*reversed(folder.parents), folder):
        if not place.is_dir():
            place.mkdir(mode=0o700)
    folder.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Write the file, 0600, so that a reader sees the old or the new text, nothing between."""
    if path.is_symlink() or (path.exists() and stat.S_IMODE(path.stat().st_mode) != 0o600):
        path.unlink()
    files.replace(path, text.encode(), new_mode=0o600)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Within the block, nobody else holds the lock in that file, which is made if need be."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
