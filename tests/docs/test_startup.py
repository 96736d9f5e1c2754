"""What each command imports: it starts fast because it loads what it uses, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from dag_rewriter.directory.locate import open_target
from monitord_job.lock import alone
from tests.docs.test_help import ALL
from tests.support.played import Played

SLOW = {
    *(
        "apprise",
        "asyncio",
        "classad2",
        "htcondor2",
        "javaproperties",
        "jinja2",
        "lxml",
        "matplotlib",
        "networkx",
        "platformdirs",
    ),
    *("psycopg", "rich", "sqlalchemy", "yaml", "monitord_job.recording"),
}
"""What takes 10 ms or more of CPU to load (SQLAlchemy 200), and the monitor itself."""
_SCRIPT = """
import sys
from planner_ext import cli
slow, name, *words = sys.argv[1:]
if name == "bridle-notify":
    from monitord_job.cli.bridle_notify import notify
    code = cli.run_command(words, notify, name)
else:
    code = cli.run_command(words)
print(code, *sorted(set(slow.split()) & set(sys.modules)), file=sys.stderr)
"""

DATABASE = {"sqlalchemy", "asyncio"}  # SQLAlchemy loads asyncio by itself
QUEUE = {"classad2", "htcondor2"}
MONITOR = {*DATABASE, "monitord_job.recording", "platformdirs"}
USED = {
    "bridle check x.dag": set(),
    "bridle metrics x.dag": set(),
    "bridle condorio x.dag": set(),
    "bridle graph x.dag": set(),
    "bridle graph x.dag --descendants A": set(),
    "bridle rewrite --dry-run x.dag": {"platformdirs"},
    "bridle rescue show x.dag": MONITOR,
    "bridle rescue redo --dry-run x.dag A --with-descendants": MONITOR,
    "bridle monitord --catch-up x.dag": MONITOR,
    "bridle status x.dag": MONITOR | QUEUE | {"rich"},
    "bridle status --json x.dag": MONITOR | QUEUE,
    "bridle watch x.dag": MONITOR | QUEUE | {"rich"},
    "bridle list": DATABASE | QUEUE,
    "bridle notifications x.dag": MONITOR,
    "bridle analyzer x.dag": MONITOR | QUEUE,
    "bridle why --json x.dag": MONITOR | QUEUE,
    "bridle jobs --csv x.dag": MONITOR,
    "bridle jobs x.dag A": MONITOR,
    "bridle statistics -s all x.dag": MONITOR,
    "bridle statistics --json x.dag": MONITOR,
    "bridle report x.dag": MONITOR | QUEUE | {"jinja2"},
    "bridle report --text x.dag": MONITOR | QUEUE,
    "bridle plots --only states x.dag": MONITOR | QUEUE | {"matplotlib"},
    "bridle notify list x.dag": {"platformdirs"},
    "bridle hook ask -- condor_submit_dag /bin/true x.dag": set(),
    "bridle tc add keg /bin/keg --site local --catalog tc.yml": {"yaml"},
    "bridle tc convert x.tc -": {"yaml"},
    "bridle rc insert f.a /f.a --catalog rc.txt --format file": {"yaml"},
    "bridle rc convert x.rc -": {"yaml"},
    "bridle sc convert x.sc -": {"yaml"},
    "bridle-notify --dry-run": {*DATABASE, "jinja2", "platformdirs"},
}
"""Command -> what of SLOW it may load; it exits with 0."""


DAG = {"dag_rewriter.model", "dag_rewriter.language.commands"}
RULES = {"monitord_job.stampede.state", "monitord_job.kickstart.records"}
LIVE = {
    "bridle status --json x.dag": DATABASE | QUEUE,
    "bridle jobs --csv x.dag": DATABASE | DAG,
    "bridle statistics --json x.dag": DATABASE | DAG,
}
"""The same, of DAG and RULES too, beside a monitor: readers leave it to that one to catch up, and load none."""


def loaded(words: list[str], directory: Path, slow: Collection[str] = SLOW) -> tuple[int, set[str]]:
    """Exit code of a command, and what of these it has loaded, in an interpreter of its own."""
    told = {
        "HOME": str(directory),
        "PEGASUS_EVENT": "end",
        "BRIDLE_RUN": str(directory / "x.dag"),
        "PEGASUS_STATUS": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, " ".join(slow), *words],
        cwd=directory,
        env={**os.environ, **told, "CONDOR_CONFIG": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    return int(code), set(modules)


@pytest.mark.parametrize("name", [name for name in ALL if name.count(" ") < 2])
def test_the_help_of_a_command_loads_nothing_slow(name: str, tmp_path: Path) -> None:
    first, *rest = name.split()
    assert loaded([first, *rest, "--help"], tmp_path) == (0, set())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAG without Pegasus whose run is over, and stored."""
    directory = tmp_path_factory.mktemp("started")
    (directory / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (directory / "x.dag").write_text("JOB A a.sub\nJOB B a.sub\nPARENT A CHILD B\n")
    (directory / "x.tc").write_text('tr keg { site local { pfn "/bin/keg" type "INSTALLED" } }\n')
    (directory / "x.rc").write_text('f.a /f.a site="local"\n')
    (directory / "x.sc").write_text('<sitecatalog version="4.1"><site handle="local"/></sitecatalog>\n')
    for words in ("rewrite x.dag", "monitord --catch-up --notify x.dag"):
        if words.startswith("monitord"):
            played = Played(open_target(directory / "x.dag"))
            played.all_nodes({})
            played.write()
        assert loaded(["bridle", *words.split()], directory)[0] == 0
    return directory


@pytest.mark.parametrize("words", USED)
def test_a_command_loads_only_what_it_uses(words: str, run: Path) -> None:
    assert loaded(words.split(), run) == (0, USED[words])


@pytest.mark.parametrize("words", LIVE)
def test_a_reader_beside_a_monitor_does_not_load_one(words: str, run: Path) -> None:
    with alone(open_target(run / "x.dag").lock, 0):
        assert loaded(words.split(), run, SLOW | DAG | RULES) == (0, LIVE[words])
