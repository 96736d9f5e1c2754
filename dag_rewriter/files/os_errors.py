"""What the kernel says of a file, in our three parts."""

from __future__ import annotations

import errno
from pathlib import Path

from dag_rewriter.errors import FileError

_HINTS = {
    errno.EACCES: "give yourself the permission, or ask its owner",
    errno.EPERM: "give yourself the permission, or ask its owner",
    errno.ENOSPC: "make room on that disk; nothing was changed",
    errno.EDQUOT: "make room in your quota; nothing was changed",
    errno.EROFS: "the file system is read-only; copy the directory to a place where you may write",
    errno.ENOENT: "check the path",
    errno.EISDIR: "a file is expected there, and it is a directory",
    errno.ENOTDIR: "check the path: a part of it is no directory",
    errno.ESPIPE: "put a file there; pipes, devices and what the kernel makes have no end",
    errno.EFBIG: "see what is in it; nobody writes so much there in earnest",
}


def file_error(path: Path, doing: str, error: OSError) -> FileError:
    """An OSError in our three parts."""
    hint = _HINTS.get(error.errno or 0, "see to the file system and try again")
    return FileError(str(path), f"cannot {doing}: {error.strerror or error}", hint)
