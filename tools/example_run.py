"""The run that the docs show: examples/mosaic/docs/run.tar.xz, the submit directory that `make demo` leaves.

    python tools/example_run.py WORK        # keep the run below WORK, the folder of --work of examples/mosaic/demo.py

`make example-run` runs it and keeps it; `make docs` draws it. No file says on which machine it ran, and the database is
left out: it is made of the logs again.
"""

from __future__ import annotations

import getpass
import os
import pwd
import re
import socket
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from planner_ext.pool.environment import pool_uid

CHECKOUT = Path(__file__).resolve().parent.parent
ARCHIVE = CHECKOUT / "examples" / "mosaic" / "docs" / "run.tar.xz"
_LEFT_OUT = ("*.db", "*.db-journal", "*.lock", "*.bridle.log", "*.pid", "*.tmp")
_ME = "me"
_HOME = str(Path("/home") / _ME)


def unpacked(folder: Path) -> Path:
    """The submit directory, in a folder."""
    with tarfile.open(ARCHIVE) as archive:
        # Python 3.12 wants it said, 3.11.2 does not know it.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder, [_ours(entry) for entry in archive])
    return next(path.parent for path in folder.rglob("braindump.yml"))


def _ours(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without that filter, root's files would be those of the owner in the archive, and nobody reads another's run."""
    entry.uid, entry.gid, entry.uname, entry.gname = os.getuid(), os.getgid(), "", ""
    return entry


def keep(work: Path) -> None:
    """Pack the one submit directory below a folder; the same names, owners and order on every machine."""
    run = next(path.parent for path in sorted(work.rglob("braindump.yml")))
    replaced = list(_of_this_machine(work.resolve()))
    for path in sorted(run.rglob("*")):
        if path.is_file() and not path.is_symlink() and not _is_left_out(path):
            path.write_bytes(_neutral(path.read_bytes(), replaced))

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if _is_left_out(Path(entry.name)):
            return None
        entry.uid = entry.gid = 1000
        entry.uname = entry.gname = _ME
        return entry

    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        archive.add(run, f"mosaic/{run.name}", filter=kept)


def _is_left_out(path: Path) -> bool:
    return any(path.match(pattern) for pattern in _LEFT_OUT)


def _of_this_machine(work: Path) -> Iterator[tuple[re.Pattern[bytes], bytes]]:
    """What is this machine's, and what stands for it."""
    names = {getpass.getuser(), _job_owner()}
    for ours, theirs in (
        (str(work), f"{_HOME}/mosaic"),
        (str(CHECKOUT), f"{_HOME}/pegasus-bridle"),
        (sys.base_prefix, "/usr"),
        (str(Path.home()), _HOME),
    ):
        yield re.compile(re.escape(os.fsencode(ours))), theirs.encode()
    for name in names:
        yield re.compile(rb"(?<![\w.-])" + re.escape(name.encode()) + rb"(?![\w.-])"), _ME.encode()
    yield re.compile(rb"(?<![\w.-])" + re.escape(socket.gethostname().encode()) + rb"(?![\w-])"), b"vm"


def _job_owner() -> str:
    users = pwd.getpwall()
    uid = os.geteuid() or pool_uid((entry.pw_name, entry.pw_uid) for entry in users)
    return next(entry.pw_name for entry in users if entry.pw_uid == uid)


def _neutral(data: bytes, replaced: list[tuple[re.Pattern[bytes], bytes]]) -> bytes:
    for ours, theirs in replaced:
        data = ours.sub(theirs, data)
    return data


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
    sys.stdout.write(f"{ARCHIVE.relative_to(CHECKOUT)}: {ARCHIVE.stat().st_size:,} bytes\n")
