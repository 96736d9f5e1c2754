"""install_htcondor.py PREFIX PATCHELF [SUITE]: HTCondor's daemons and tools below PREFIX, without root or container.

Debian's packages of condor and of the libraries it needs, unpacked; then every program and library is told
where its loader and its libraries are, so that they run beside the host's own. Takes about 10 s and 75 MB.
The Python bindings are not those of Debian (built for its python) but the wheel of requirements.lock.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from private_apt import PrivateApt, unpack

SUITE = "forky"  # the first Debian with HTCondor 25; trixie has 23.9
_ARCH = "x86_64-linux-gnu"
_LOADER = f"usr/lib/{_ARCH}/ld-linux-x86-64.so.2"
# Of all that condor depends on: itself and the shared libraries ...
_WANTED = re.compile(r"(lib.*|zlib1g|condor|openssl-provider-legacy)(:amd64)?$")
# ... without those that only its scripts, its login services and the package tools would use.
_UNWANTED = re.compile(
    r"lib(c-gconv|c-bin|python|perl|js-|date|pam|systemd-shared|jq|onig|debconf|semanage|sepol|cryptsetup|devmapper"
    r"|json-c|ncursesw|readline|bsd|md0|db5|gdbm|blkid1|mount1|cap-ng|audit|popt)"
)


def main(prefix: Path, patchelf: Path, suite: str) -> None:
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    if machine != "x86_64":
        sys.exit(
            f"HTCondor for {machine}: there is no recipe; install HTCondor so that condor_master is in PATH"
        )
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent) as scratch:
        tree = Path(scratch, "tree")
        own_libc = _unpack_all(Path(scratch, "apt"), tree, suite)
        _relocate(tree, prefix.resolve(), patchelf, own_libc)
        shutil.rmtree(prefix, ignore_errors=True)
        tree.rename(prefix)
    version = subprocess.run(
        [str(prefix / "usr/bin/condor_version")],
        env={"CONDOR_CONFIG": "ONLY_ENV"},
        capture_output=True,
        text=True,
        check=False,
    )
    if version.returncode != 0:
        sys.exit(f"{prefix}: what was unpacked does not run:\n{version.stderr.strip()}")
    print(version.stdout.splitlines()[0].strip("$ "))


def _unpack_all(apt_directory: Path, tree: Path, suite: str) -> frozenset[str]:
    """Fill `tree`; returns the names of the files of the C library."""
    apt = PrivateApt(apt_directory, suite)
    packages = [name for name in apt.closure("condor") if _WANTED.match(name) and not _UNWANTED.match(name)]
    for name in ("lib", "lib64", "bin", "sbin"):
        (tree / "usr" / name).mkdir(parents=True)
    # Merged /usr, whatever the packages say.
    for name in ("lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    own_libc: frozenset[str] = frozenset()
    for deb in apt.download(packages):
        unpack(deb, tree)
        if deb.name.startswith("libc6_"):
            listing = subprocess.run(["dpkg-deb", "-c", str(deb)], capture_output=True, text=True, check=True)
            own_libc = frozenset(line.split()[5].rpartition("/")[2] for line in listing.stdout.splitlines())
    return own_libc


def _relocate(tree: Path, prefix: Path, patchelf: Path, untouched: frozenset[str]) -> None:
    """Give every ELF file below `tree` the loader and the library path that it will have below `prefix`."""
    folders = (prefix / "usr/lib", prefix / "usr/lib" / _ARCH, prefix / "usr/lib/condor")
    # DT_RPATH (--force-rpath), not RUNPATH: it serves dlopen too, which HTCondor uses (krb5, munge, ssl).
    library_path = ["--force-rpath", "--set-rpath", ":".join(map(str, folders))]
    for path in sorted((tree / "usr").rglob("*")):
        if path.name in untouched or path.is_symlink() or not _is_elf(path):
            continue
        if _patch(patchelf, "--print-rpath", path) != 0:
            continue  # statically linked
        loader = _patch(patchelf, "--print-interpreter", path) == 0
        options = ["--set-interpreter", str(prefix / _LOADER)] if loader else []
        if _patch(patchelf, *options, *library_path, path) != 0:
            sys.exit(f"{path}: patchelf failed")


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _patch(*command: str | Path) -> int:
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(sys.argv[3:] or [SUITE]))
