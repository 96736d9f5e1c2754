"""The directory that stands for PEGASUS_HOME: launchers of the stand-ins and of tools in Python."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

STAND_INS = {
    "pegasus-kickstart": "recorder",
    "pegasus-cluster": "clusterer",
    "pegasus-exitcode": "exitcode",
    "pegasus-transfer": "transfer",
    "pegasus-rc-client": "rc_client",
    "pegasus-keg": "worker",
}
EXAMPLES = Path(__file__).resolve().parent.parent

# A job has no PATH, so each launcher names its interpreter; without site packages it starts quickly.
_STAND_IN = """#!/bin/sh
STANDIN_NAME=$0 exec {python} -E -s -S -c {code} "$@"
"""
_CODE = (
    "import sys; sys.path.insert(0, {folder!r}); "
    "from standins.{module} import main; sys.exit(main(sys.argv[1:]))"
)
_LITE_LOCAL = """#!/bin/sh
echo "DEBUG: Adding default values to PATH - /bin:/usr/bin:/usr/local/bin:/opt/local/bin" >&2
exec "$@"
"""
_DAGMAN = """#!/bin/sh
exec {dagman} "$@"
"""
_TOOL = """#!/bin/sh
exec {python} -E -s {script} "$@"
"""


def make_home(home: Path, python: str, condor_dagman: str) -> None:
    """Write home/bin and home/share; files that are there are replaced."""
    for name, module in STAND_INS.items():
        code = _CODE.format(folder=str(EXAMPLES), module=module)
        _write_program(
            home / "bin" / name, _STAND_IN.format(python=shlex.quote(python), code=shlex.quote(code))
        )
    _write_program(home / "share/pegasus/sh/pegasus-lite-local.sh", _LITE_LOCAL)
    _write_program(home / "bin" / "pegasus-dagman", _DAGMAN.format(dagman=shlex.quote(condor_dagman)))


def installed(name: str, pfn: str, home: Path, python: str) -> str:
    """What jobs execute for a transformation: a launcher in home/tools for a .py file, else itself."""
    if not pfn.endswith(".py"):
        return pfn
    launcher = home / "tools" / name.replace("::", "-").replace(":", "-")
    _write_program(launcher, _TOOL.format(python=shlex.quote(python), script=shlex.quote(pfn)))
    return str(launcher)


def _write_program(path: Path, text: str) -> None:
    """Replace a program as a whole: another job may be starting it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(new.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    os.replace(new, path)
