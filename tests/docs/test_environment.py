"""What a person has set for Python programs of his own does bridle no harm, and reaches what bridle starts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from planner_ext.cli import COMMANDS
from tests.support.places import CHECKOUT
from tests.support.runs import BRIDLE

SHADOWED = (
    *("click", "sqlalchemy", "yaml", "lxml", "networkx", "jinja2", "rich", "platformdirs", "javaproperties"),
    *("apprise", "htcondor2", "classad2", "markdown_it", "typing_extensions"),
    *("enum", "typing", "re", "dataclasses", "pathlib", "json", "logging", "sqlite3", "sitecustomize"),
    *("planner_ext", "dag_rewriter", "monitord_job", "condor_templates"),
)
_BROKEN = "raise RuntimeError('this is another one')\n"
_SEEN = """
import os
from planner_ext.start import give_back
def tell():
    print(*map(os.environ.get, ("PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE")))
tell()
give_back(os.environ)
tell()
"""


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    """A folder with a broken module in place of each that bridle needs."""
    folder = tmp_path / "old"
    folder.mkdir()
    for name in SHADOWED:
        (folder / f"{name}.py").write_text(_BROKEN)
    return folder


@pytest.fixture
def dag(tmp_path: Path) -> Path:
    path = tmp_path / "x.dag"
    path.write_text("JOB A a.sub\n")
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    return path


def said(*words: str | Path, program: Path = BRIDLE, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        [program, *words], env=os.environ | environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONPATH": "{old}"},
        {"PYTHONHOME": "{old}"},
        {"PYTHONPATH": "{old}", "PYTHONHOME": "{old}", "PYTHONSTARTUP": "{old}/click.py"},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONINSPECT": "1", "PYTHONVERBOSE": "1"},
        {"PYTHONHASHSEED": "none", "PYTHON_GIL": "0"},
        {"PYTHONPLATLIBDIR": "old"},
    ],
    ids="+".join,
)
def test_the_environment_brings_in_nothing(environment, shadows, dag):
    given = {name: value.format(old=shadows) for name, value in environment.items()}
    assert "good" in said("check", dag, **given)
    assert "graph" in said("graph", "--help", **given)
    assert "Example" in said("--help", program=BRIDLE.with_name("bridle-notify"), **given)


_LOADED = """
import sys
from importlib import import_module
from planner_ext import start
start._isolate()
from planner_ext.cli import COMMANDS
for row in COMMANDS.values():
    import_module(row.target.partition(":")[0])
import monitord_job.monitor.session, monitord_job.monitor.master_database, monitord_job.cli.bridle_notify
import click, rich, sqlalchemy, yaml
print(len(COMMANDS), sqlalchemy.__version__)
"""


def test_all_commands_and_the_monitor_have_the_libraries_that_they_were_installed_with(shadows, tmp_path):
    """Pegasus's own externals bring SQLAlchemy 1.3.24 by PYTHONPATH."""
    (shadows / "sqlalchemy.py").write_text("__version__ = '1.3.24'\n")
    shutil.copy(CHECKOUT / "bin/bridle", tmp_path / "bridle")
    (tmp_path / "loaded.py").write_text(_LOADED)
    words = shlex.join([sys.executable, str(tmp_path / "loaded.py")])
    (tmp_path / "bridle-python").write_text(f"#!/bin/sh\nexec {words}\n")
    (tmp_path / "bridle-python").chmod(0o755)
    count, version = said(program=tmp_path / "bridle", PYTHONPATH=str(shadows)).split()
    assert int(count) == len(COMMANDS)
    assert int(version.partition(".")[0]) >= 2


def test_nor_do_modules_where_it_is_started(shadows, dag):
    assert "good" in said("check", dag, cwd=shadows)


def test_what_bridle_starts_has_the_environment_of_the_person(tmp_path):
    """The shell's part puts it aside for Python, Python's part gives it back."""
    shutil.copy(CHECKOUT / "bin/bridle", tmp_path / "bridle")
    (tmp_path / "bridle-python").write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c '{_SEEN}'\n")
    (tmp_path / "bridle-python").chmod(0o755)
    given = {"PYTHONPATH": "/old lib:'", "PYTHONOPTIMIZE": "2"}
    kept, given_back = said(program=tmp_path / "bridle", **given).splitlines()
    assert kept == "None None None"
    assert given_back == "/old lib:' None 2"


def test_the_two_programs_are_the_same():
    assert (CHECKOUT / "bin/bridle").read_bytes() == (CHECKOUT / "bin/bridle-notify").read_bytes()
