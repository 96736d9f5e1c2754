"""Files that hold commands, or say where to write: used only if nobody but the user and root can have written them."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.errors import UntrustedFileError

_ACCESS_LIST = "system.posix_acl_access"


def read_trusted(path: Path, limit: files.Limit = files.MOST) -> bytes | None:
    """All bytes of a regular file, None if there is none.

    UntrustedFileError if it belongs to anybody but the caller and root, or others may write it; FileError.
    """
    return files.read_if_there(path, limit, lambda status: _require_trusted(path, status))


def read_trusted_beside(path: Path, limit: files.Limit = files.MOST) -> bytes | None:
    """The same of a file that holds no commands: it may also belong to whom the directory belongs to, whose words
    count there. What is done in another user's directory is looking at it.
    """
    try:
        owner = path.parent.stat().st_uid
    except OSError:
        owner = os.geteuid()
    return files.read_if_there(path, limit, lambda status: _require_trusted(path, status, owner))


def require_trusted_folder(folder: Path) -> None:
    """UntrustedFileError unless the folder is ours or root's, and nobody else can put another file into it.

    `folder`: absolute, without links. The folders above it count: who may rename one can put another one in its
    place. What does not exist is no danger.
    """
    for place in (folder, *folder.parents):
        with suppress(FileNotFoundError):
            _require_trusted_place(place, place.lstat(), above=place != folder)


def _require_trusted(path: Path, status: os.stat_result, owner: int = 0) -> None:
    if status.st_rdev == files.NULL_DEVICE:  # it says nothing, whoever may write it
        return
    if status.st_uid not in (os.geteuid(), 0, owner):
        what = f"it belongs to {user_name(status.st_uid)}, and what it says is done as you"
        raise UntrustedFileError(str(path), what, "see what is in it, and make a copy of your own")
    if others_may_write(path, status):
        hint = f"see what is in it, then `chmod go-w {path}`"
        raise UntrustedFileError(str(path), "others may write it, and what it says is done as you", hint)


def _require_trusted_place(place: Path, status: os.stat_result, *, above: bool) -> None:
    if status.st_uid != os.geteuid() and status.st_uid not in rulers():
        owner = user_name(status.st_uid)
        hint = f"choose a directory that {owner} cannot replace"
        raise UntrustedFileError(str(place), f"belongs to {owner}", hint)
    if others_may_write(place, status) and not (above and status.st_mode & stat.S_ISVTX):
        hint = f"see what is in it, then `chmod go-w {place}`, or choose another directory"
        raise UntrustedFileError(str(place), "other users may write in it, and so run programs as you", hint)


def rulers() -> set[int]:
    """Who may own the folders above ours: root; in a user namespace, everybody outside looks like one user."""
    whole = Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
    return {0} if whole else {0, int(Path("/proc/sys/kernel/overflowuid").read_text())}


def others_may_write(place: Path, status: os.stat_result) -> bool:
    """Whether anybody but its owner and root may write it, by mode; a group of one user's own does not count."""
    if status.st_mode & stat.S_IWOTH:
        return True
    if not status.st_mode & stat.S_IWGRP:
        return False
    return not _is_private_group(status.st_gid) or _ACCESS_LIST in os.listxattr(place)


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
