"""Where HTCondor's programs are: one installed tree, whatever its packager's taste."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from planner_ext.errors import PoolError

MASTER = "condor_master"

# Debian and RPM, the tarball, conda: in this order, the first that exists.
_LIBEXEC = ("libexec/condor", "libexec", "lib/condor/libexec")
_LIB = ("lib/condor", "lib64/condor", "lib/x86_64-linux-gnu/condor", "lib64", "lib")
_SHARE = ("share/condor", "share", ".")


@dataclass(frozen=True, slots=True)
class Release:
    """One installed HTCondor: the folder it calls RELEASE_DIR, and that of its daemons."""

    root: Path
    sbin: Path

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    def folder(self, candidates: tuple[str, ...]) -> Path:
        """The first of the candidates that is there (looks at the disk), else the first of them."""
        folders = (self.root / name for name in candidates if (self.root / name).is_dir())
        return next(folders, self.root / candidates[0])

    def config_lines(self) -> str:
        """What HTCondor's configuration must be told about this tree."""
        return "\n".join(
            (
                f"RELEASE_DIR = {self.root}",
                f"BIN = {self.bin}",
                f"SBIN = {self.sbin}",
                f"LIB = {self.folder(_LIB)}",
                f"LIBEXEC = {self.folder(_LIBEXEC)}",
                f"SHARE = {self.folder(_SHARE)}",
            )
        )


def release_in(directory: Path) -> Release | None:
    """The HTCondor below `directory` (itself, or its usr/ where packages were unpacked), or None."""
    for root in (directory / "usr", directory):
        for sbin in (root / "sbin", root / "bin"):
            if (sbin / MASTER).is_file():
                return Release(root.resolve(), sbin.resolve())
    return None


def find_release(explicit: Path | None, path: str, fallback: Path | None) -> Release:
    """The HTCondor to use: the one named, else the one in `path` (as $PATH is written), else `fallback`.

    Raises PoolError if there is none.
    """
    if explicit is not None:
        release = release_in(explicit)
        if release is None:
            raise PoolError(
                str(explicit),
                f"there is no sbin/{MASTER} below it",
                "name the folder that holds HTCondor's sbin",
            )
        return release
    if master := shutil.which(MASTER, path=path):
        # /sbin may be a link to /usr/sbin: only the resolved place has libexec beside it.
        sbin = Path(master).resolve().parent
        return Release(sbin.parent, sbin)
    release = release_in(fallback) if fallback is not None else None
    if release is None:
        raise PoolError(
            MASTER,
            "not found in PATH",
            "install HTCondor, or name the folder it is in with --release or BRIDLE_HTCONDOR",
        )
    return release
