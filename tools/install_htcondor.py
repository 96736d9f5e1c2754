"""install_htcondor.py PREFIX PATCHELF [SUITE]: HTCondor's daemons and tools below PREFIX, without root or container.

Debian's packages of condor and of the libraries it needs, unpacked. Takes about 10 s and 75 MB. The Python
bindings are not those of Debian (built for its python) but the wheel of requirements.lock.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from private_apt import PrivateApt
from unpacked import Recipe, install

SUITE = "forky"  # the first Debian with HTCondor 25; trixie has 23.9
# Of all that condor depends on: itself and the shared libraries ...
_WANTED = re.compile(r"(lib.*|zlib1g|condor|openssl-provider-legacy)(:amd64)?$")
# ... without those that only its scripts, its login services and the package tools would use.
_UNWANTED = re.compile(
    r"lib(c-gconv|c-bin|python|perl|js-|date|pam|systemd-shared|jq|onig|debconf|semanage|sepol|cryptsetup|devmapper"
    r"|json-c|ncursesw|readline|bsd|md0|db5|gdbm|blkid1|mount1|cap-ng|audit|popt)"
)


def main(prefix: Path, patchelf: Path, suite: str) -> None:
    install(prefix, patchelf, Recipe(suite, _wanted, ("usr/lib/condor",)))
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


def _wanted(apt: PrivateApt) -> list[str]:
    return [name for name in apt.closure("condor") if _WANTED.match(name) and not _UNWANTED.match(name)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(sys.argv[3:] or [SUITE]))
