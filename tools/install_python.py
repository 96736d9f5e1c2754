"""install_python.py PREFIX PATCHELF VERSION LOCK: Python VERSION below PREFIX, and in PREFIX/venv what LOCK names.

Debian's packages of that Python, from the release that has it, and of the libraries it needs, unpacked. Takes about
a minute and 400 MB.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from private_apt import PrivateApt
from unpacked import Recipe, install

SUITES = {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
"""Which Debian has which Python; there is none with 3.10 or 3.12."""
_WANTED = re.compile(r"(lib.*|zlib1g|python3.*|openssl-provider-legacy)(:amd64)?$")


def main(prefix: Path, patchelf: Path, version: str, lock: Path) -> None:
    suite = SUITES.get(version)
    if suite is None:
        sys.exit(f"Python {version}: no release of Debian has it; there are {', '.join(SUITES)}")
    install(prefix, patchelf, Recipe(suite, partial(_wanted, version)))
    python = prefix / f"usr/bin/python{version}"
    make_venv = Path(__file__).with_name("make_venv.py")
    subprocess.run([str(python), str(make_venv), str(prefix / "venv"), str(lock), suite], check=True)


def _wanted(version: str, apt: PrivateApt) -> list[str]:
    # The C++ library is for the wheels.
    return [name for name in apt.closure(f"python{version}") if _WANTED.match(name)] + ["libstdc++6"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
