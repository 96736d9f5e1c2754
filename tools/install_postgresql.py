"""install_postgresql.py PREFIX: a PostgreSQL server below PREFIX, for the tests; without root, nothing installed.

The packages of the host's own Debian release, unpacked. The C library is the host's; every other library that
the server needs is unpacked beside it, because a small machine has few of them. PREFIX/bin holds the programs,
as scripts that say where those libraries are. Takes about 10 s and 85 MB.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from host_packages import install
from private_apt import host_release

PROGRAMS = ("initdb", "pg_ctl", "postgres")
# The server is postgresql-NN; its programs load libraries of their own, and none of those below.
_WANTED = re.compile(r"(lib.*|zlib1g|postgresql-\d+|postgresql-client-\d+)(:\w+)?$")
# The host's C library goes with the host's loader; LLVM is for just-in-time compilation, which is off.
_UNWANTED = re.compile(
    r"lib(c6|c-bin|c-l10n|llvm|perl|python|json-perl|common-sense|types-serialiser|ipc-run|io-pty|z3|edit|bsd|md0"
    r"|debconf|semanage|sepol|pam-)"
)
_UNUSED = ("usr/lib/postgresql/*/lib/bitcode",)
_SCRIPT = """#!/bin/sh
here=$(dirname "$0")/..
export LD_LIBRARY_PATH="$here/{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
exec "$here/{programs}/{name}" "$@"
"""


def wanted(package: str) -> bool:
    """Whether the server runs with the package, and not only Debian's scripts around it.

    >>> [wanted(name) for name in ("libpq5", "postgresql-15", "libc6", "libllvm14:amd64", "perl")]
    [True, True, False, False, False]
    """
    return bool(_WANTED.match(package)) and not _UNWANTED.match(package)


def write_scripts(tree: Path) -> str:
    """Scripts for the programs. Ends the process where the release has no server."""
    programs = next(tree.glob("usr/lib/postgresql/*/bin"), None)
    if programs is None or not (programs / "postgres").exists():
        sys.exit(f"{host_release()}: it has no package postgresql-NN")
    libraries = next(tree.glob("usr/lib/*/libpq.so.5")).parent
    (tree / "bin").mkdir(exist_ok=True)
    for name in PROGRAMS:
        script = tree / "bin" / name
        script.write_text(
            _SCRIPT.format(
                libraries=libraries.relative_to(tree), programs=programs.relative_to(tree), name=name
            )
        )
        script.chmod(0o755)
    return "bin/postgres"


if __name__ == "__main__":
    install(Path(sys.argv[1]), "postgresql", wanted, write_scripts, _UNUSED)
