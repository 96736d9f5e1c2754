"""Packages of the host's own Debian release, unpacked below a prefix: nothing is installed, and no root is needed.

The C library is the host's. Standard library only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from private_apt import PrivateApt, host_release, unpack

_UNUSED = ("usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/bug", "usr/share/lintian")


def install(
    prefix: Path,
    package: str,
    wanted: Callable[[str], bool],
    finish: Callable[[Path], str],
    unused: tuple[str, ...] = (),
) -> None:
    """Replace `prefix` by `package` and those that it needs, as far as they are `wanted`.

    `unused` are patterns of folders that are left out. `finish` gets the unpacked tree and adds scripts that say
    where libraries are; it returns the program, below the prefix, that must say its version. Ends the process
    where that fails.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent) as scratch:
        tree = Path(scratch, "tree")
        for name in ("lib", "lib64"):
            (tree / "usr" / name).mkdir(parents=True)
            # Merged /usr, whatever the packages say.
            (tree / name).symlink_to(f"usr/{name}")
        apt = PrivateApt(Path(scratch, "apt"), host_release())
        for deb in apt.download([name for name in apt.closure(package) if wanted(name)]):
            unpack(deb, tree)
        for pattern in (*_UNUSED, *unused):
            for folder in tree.glob(pattern):
                shutil.rmtree(folder)
        program = finish(tree)
        shutil.rmtree(prefix, ignore_errors=True)
        tree.rename(prefix)
    done = subprocess.run([str(prefix / program), "--version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{prefix}: what was unpacked does not run:\n{done.stderr.strip()}")
    print(done.stdout.strip())
