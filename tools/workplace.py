"""workplace.py CHECKOUT: where runs on a personal pool may live, for the tests and the demo. Standard library only.

That is build/ in most checkouts. DAGMan refuses to work below /tmp (its node log would be there), the planner plans no
path with a blank in it, and a pool no folder that others could put another in the place of (a container's checkout of
another uid, say): a checkout in such a place has a folder of the user's own in /var/tmp for that.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from pathlib import Path

_ELSEWHERE = Path("/var/tmp")  # noqa: S108 - see _own_folder
_FIT = re.compile(r"[A-Za-z0-9_./+-]+")


def workplace(checkout: Path) -> Path:
    """The folder for a checkout; made, a folder that only its user can list or change, if it is not build/."""
    checkout = checkout.resolve()
    fit = _fits(checkout) and all(map(_is_ours_alone, (checkout, *checkout.parents)))
    return checkout / "build" if fit else _own_folder(_ELSEWHERE / _name(checkout))


def _fits(checkout: Path) -> bool:
    """Whether DAGMan and the planner take such a path.

    >>> [_fits(Path(path)) for path in ("/srv/bridle", "/tmp/bridle", "/tmpfiles/a b")]
    [True, False, False]
    """
    below_tmp = checkout.is_relative_to("/tmp")  # noqa: S108 - nothing is made there
    return _FIT.fullmatch(str(checkout)) is not None and not below_tmp


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody but the user and root can change what is in it."""
    status = folder.stat()
    open_to_others = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    return status.st_uid in (0, os.getuid()) and not open_to_others


def _name(checkout: Path) -> str:
    """The folder's name in /var/tmp, the same each time."""
    return f"bridle-{os.getuid()}-{hashlib.sha256(os.fsencode(checkout)).hexdigest()[:12]}"


def _own_folder(folder: Path) -> Path:
    """Everybody may write in /var/tmp: what is there under that name already must be the user's own.

    Other users can pass through it and see nothing: the tests of two users need a way to what is given to the second.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise SystemExit(
            f"{folder}: not a folder of your own; remove it, or clone to a path that DAGMan takes"
        )
    folder.chmod(0o711)
    return folder


if __name__ == "__main__":
    print(workplace(Path(sys.argv[1])))
