"""A Pegasus for its Python API: the programs of pegasus-wms 5.1.3, and a stand-in for the planner, which needs Java."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from tests.support.hooked import planners_words
from tests.support.places import BUILD, CHECKOUT

_PEER = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer"))
PYTHON = _PEER / "bin" / "python"
_REAL = ("pegasus-run", "pegasus-remove", "pegasus-analyzer", "pegasus-statistics", "pegasus-status")
_PLANNER = """\
#!/bin/sh
# Does what the planner does last, and says what it says.
printf '%s\\n' "$@" >>{calls}
case "$*" in *fail*) echo "no site" >&2; exit 7 ;; esac
cd {directory} || exit 3
rm -f {submit_file}
condor_submit_dag {words} >&2 || exit 4
case " $* " in *" --submit "*) {bin}/pegasus-run . >&2 || exit 5 ;; esac
printf '{{"submit_dir": "%s", "message": "planned"}}\\n' "$PWD"
"""
_BEGIN = """\
import logging
import sys
logging.basicConfig(level=logging.INFO)
from Pegasus.api import *
from planner_ext import enable
enable()
enable()
wf = Workflow("x")
wf.add_jobs(Job("work"))
"""


def pegasus_home(place: Path, planned: SubmitDir) -> Path:
    """Its bin directory. The planner finds its plan ready in `planned`, but for the submit file of DAGMan."""
    programs = place / "bin"
    programs.mkdir(parents=True)
    scripts = next(_PEER.glob("lib/python3.*/site-packages/Pegasus/cli"))
    for name in _REAL:
        command = f"exec {shlex.quote(str(PYTHON))} {shlex.quote(str(scripts / name))}.py"
        _program(programs / name, f'#!/bin/sh\n{command} "$@"\n')
    _program(programs / "pegasus-version", "#!/bin/sh\necho 5.1.3\n")
    values = {
        "calls": place / "calls",
        "directory": planned.path,
        "submit_file": planned.condor_sub,
        "bin": programs,
    }
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    text = _PLANNER.format(words=shlex.join(planners_words(planned)), **quoted)
    _program(programs / "pegasus-plan", text)
    return programs


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def in_api(
    lines: Sequence[str], folder: Path, environment: Mapping[str, str], programs: Sequence[Path]
) -> subprocess.CompletedProcess[str]:
    """Run lines of a script with Pegasus's API, in Pegasus's own Python, as a user has them; `wf` is a workflow."""
    folder.mkdir(exist_ok=True)
    (folder / "script.py").write_text(_BEGIN + "".join(f"{line}\n" for line in lines))
    path = os.pathsep.join([*map(str, programs), environment["PATH"]])
    given = {**environment, "PATH": path, "PYTHONPATH": str(CHECKOUT), "HOME": str(folder)}
    given |= {"PEGASUS_HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    command = [str(PYTHON), "script.py"]
    return subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, timeout=240, check=False
    )
