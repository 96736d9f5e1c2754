"""install_chromium.py PREFIX: a Chromium without a screen below PREFIX, for the tests; without root, nothing installed.

The package chromium-headless-shell of the host's own Debian release and the libraries that it needs, unpacked. The C
library is the host's. PREFIX/bin/chromium is a script that says where libraries and fonts are. Takes about 20 s and
250 MB.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from host_packages import install

PACKAGE = "chromium-headless-shell"
_WANTED = re.compile(rf"(lib.*|zlib1g|{PACKAGE}|chromium-common|fonts-dejavu-core)(:\w+)?$")
# The host's C library goes with the host's loader; nothing is drawn by a graphics card.
_UNWANTED = re.compile(
    r"lib(c6|c-bin|c-gconv|llvm|gl1|glx|gl-|vulkan|mesa|perl|python|debconf|semanage|sepol|pam|z3|edit|elf|sensors"
    r"|x11-data|xaw|xt6|xmu|xpm|xft|sm6|ice6|asound2-data|drm-(amdgpu|intel|nouveau|radeon))"
)
_FONTS = """<?xml version="1.0"?>
<fontconfig><dir prefix="relative">usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias></fontconfig>
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


def write_script(tree: Path) -> str:
    (program,) = tree.glob("usr/lib/chromium*/*headless*shell")
    libraries = next(tree.glob("usr/lib/*/libnss3.so")).parent
    (tree / "fonts.conf").write_text(_FONTS)
    script = tree / "bin/chromium"
    script.parent.mkdir(exist_ok=True)
    places = {"libraries": libraries.relative_to(tree), "program": program.relative_to(tree)}
    script.write_text(_SCRIPT.format(**places))
    script.chmod(0o755)
    return "bin/chromium"


if __name__ == "__main__":
    install(Path(sys.argv[1]), PACKAGE, wanted, write_script)
