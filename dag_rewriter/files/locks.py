"""Whether somebody holds a lock on a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_locked(path: Path) -> bool:
    """Whether some process holds a lock (flock or POSIX) on a file; False when there is no file."""
    try:
        if path.parent.stat().st_uid != os.geteuid():
            return _is_listed(path.lstat())
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _is_listed(status: os.stat_result) -> bool:
    """Whether the kernel has a lock on that file, without taking one (proc_locks(5)): in another user's directory."""
    name = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return name in Path("/proc/locks").read_text().split()
