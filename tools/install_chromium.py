"""install_chromium.py PREFIX: a Chromium without a screen below PREFIX, for the tests; without root, nothing installed.

The package chromium-headless-shell of the host's own Debian release and the libraries that it needs, unpacked. The C
library is the host's. PREFIX/bin/chromium is a script that says where libraries and fonts are. Takes about 20 s and
250 MB.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from private_apt import PrivateApt, host_release, unpack

PACKAGE = "chromium-headless-shell"
_WANTED = re.compile(rf"(lib.*|zlib1g|{PACKAGE}|chromium-common|fonts-dejavu-core)(:\w+)?$")
# The host's C library goes with the host's loader; nothing is drawn by a graphics card.
_UNWANTED = re.compile(
    r"lib(c6|c-bin|c-gconv|llvm|gl1|glx|gl-|vulkan|mesa|perl|python|debconf|semanage|sepol|pam|z3|edit|elf|sensors"
    r"|x11-data|xaw|xt6|xmu|xpm|xft|sm6|ice6|asound2-data|drm-(amdgpu|intel|nouveau|radeon))"
)
_UNUSED = ("usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/bug", "usr/share/lintian")
_FONTS = """<?xml version="1.0"?>
<fontconfig><dir prefix="relative">usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""
_SCRIPT = """#!/bin/sh
here=$(dirname "$0")/..
export LD_LIBRARY_PATH="$here/{libraries}:$here/{libraries}/pulseaudio${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/{program}" "$@"
"""


def wanted(package: str) -> bool:
    """Whether Chromium runs with the package.

    >>> [wanted(name) for name in (PACKAGE, "libnss3", "libc6", "libllvm15:amd64", "xdg-utils")]
    [True, True, False, False, False]
    """
    return bool(_WANTED.match(package)) and not _UNWANTED.match(package)


def main(prefix: Path) -> None:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix.parent) as scratch:
        tree = Path(scratch, "tree")
        for name in ("lib", "lib64"):
            (tree / "usr" / name).mkdir(parents=True)
            # Merged /usr, whatever the packages say.
            (tree / name).symlink_to(f"usr/{name}")
        apt = PrivateApt(Path(scratch, "apt"), host_release())
        for deb in apt.download([name for name in apt.closure(PACKAGE) if wanted(name)]):
            unpack(deb, tree)
        for name in _UNUSED:
            shutil.rmtree(tree / name, ignore_errors=True)
        _write_script(tree)
        shutil.rmtree(prefix, ignore_errors=True)
        tree.rename(prefix)
    done = subprocess.run(
        [str(prefix / "bin/chromium"), "--version"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{prefix}: what was unpacked does not run:\n{done.stderr.strip()}")
    print(done.stdout.strip())


def _write_script(tree: Path) -> None:
    (program,) = tree.glob("usr/lib/chromium*/*headless*shell")
    libraries = next(tree.glob("usr/lib/*/libnss3.so")).parent
    (tree / "fonts.conf").write_text(_FONTS)
    script = tree / "bin/chromium"
    script.parent.mkdir(exist_ok=True)
    places = {"libraries": libraries.relative_to(tree), "program": program.relative_to(tree)}
    script.write_text(_SCRIPT.format(**places))
    script.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
