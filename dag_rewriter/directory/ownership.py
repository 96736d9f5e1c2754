"""Whose a submit directory is: commands may read another user's, and change only the caller's own."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from dag_rewriter.errors import OtherOwnerError


def other_owner(directory: Path) -> str | None:
    """The name of the user whom a directory belongs to; None if that is the caller, or there is no such directory.

    Root is a caller like others: it may do everything, and is the one whom it would cost most.
    """
    try:
        uid = directory.stat().st_uid
    except OSError:  # whoever opens it says what is wrong with it
        return None
    return None if uid == os.geteuid() else _name(uid)


def require_own(directory: Path) -> None:
    """Raises OtherOwnerError if a directory belongs to somebody else: nothing of it is written, locked or run."""
    owner = other_owner(directory)
    if owner is not None:
        hint = f"let {owner} do it" + (
            ", or add --as-owner where a command has it" if os.geteuid() == 0 else ""
        )
        raise OtherOwnerError(str(directory), f"it belongs to {owner}", hint)


def become_owner(directory: Path) -> None:
    """Go on, for good, as the user whom a directory belongs to: uid, groups, home. OtherOwnerError unless root."""
    if other_owner(directory) is None:
        return
    if os.geteuid() != 0:
        require_own(directory)
    status = directory.stat()
    try:
        user = pwd.getpwuid(status.st_uid)
    except KeyError:
        what = f"it belongs to uid {status.st_uid}, which has no name here"
        raise OtherOwnerError(str(directory), what, "do it on a machine that knows the user") from None
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]  # root's configuration
    os.environ |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
