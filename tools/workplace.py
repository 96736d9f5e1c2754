"""workplace.py CHECKOUT: where runs on a personal pool may live, for the tests and the demo. Standard library only.

That is build/ in most checkouts. DAGMan refuses to work below /tmp (its node log would be there), and the planner plans
no path with a blank in it: a checkout in such a place has a folder of the user's own in /var/tmp for that.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

_ELSEWHERE = Path("/var/tmp")  # noqa: S108 - see _own_folder
_FIT = re.compile(r"[A-Za-z0-9_./+-]+")


def workplace(checkout: Path) -> Path:
    """The folder for a checkout; made, for its user alone, if it is not build/."""
    checkout = checkout.resolve()
    name = _elsewhere(checkout)
    return checkout / "build" if name is None else _own_folder(_ELSEWHERE / name)


def _elsewhere(checkout: Path) -> str | None:
    """The folder's name in /var/tmp, the same each time; None where build/ will do.

    >>> _elsewhere(Path("/srv/bridle"))
    >>> _elsewhere(Path("/tmp/bridle")).startswith("bridle-")
    True
    >>> _elsewhere(Path("/tmpfiles/a b")) == _elsewhere(Path("/tmpfiles/a c"))
    False
    """
    path = str(checkout)
    below_tmp = checkout.is_relative_to("/tmp")  # noqa: S108 - nothing is made there
    if _FIT.fullmatch(path) and not below_tmp:
        return None
    return f"bridle-{os.getuid()}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


def _own_folder(folder: Path) -> Path:
    """Everybody may write in /var/tmp: what is there under that name already must be the user's own."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise SystemExit(
            f"{folder}: not a folder of your own; remove it, or clone to a path that DAGMan takes"
        )
    return folder


if __name__ == "__main__":
    print(workplace(Path(sys.argv[1])))
