"""The program is replaced while a monitor of the version before is at work."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.bridle_tables import BRIDLE_VERSION
from planner_ext.pool.pool import Pool
from tests.support.database import query
from tests.support.faults import kill, new_monitor, open_gate, planned_run, stored, succeeded_once, waiting
from tests.support.runs import RUN_LIMIT, monitor_pid, until

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
_TABLES, _STATE = "monitord_job/database/bridle_tables.py", "monitord_job/stampede/state.py"
_TRANSITIONS = "monitord_job/stampede/transitions.py"
_OF_WORKFLOWS = "monitord_job/stampede/workflow_transitions.py"
LAST_MIGRATION = [
    (_TABLES, f"BRIDLE_VERSION = {BRIDLE_VERSION}\n", f"BRIDLE_VERSION = {BRIDLE_VERSION - 1}\n"),
    (_TABLES, '    Column("aborted_by", Text),\n', ""),
    (_TABLES, '    Column("service", Boolean),\n', ""),
    (_STATE, "    aborted_by: str | None = None\n", ""),
    (_STATE, "    service: bool | None = None\n", ""),
    (_TRANSITIONS, "    node.seq, node.service = seq, plan.is_service\n", "    node.seq = seq\n"),
    (_TRANSITIONS, "    if plan.abort_on is not None:\n", "    if False:\n"),
    (_OF_WORKFLOWS, "aborted_by = turn.workflow.aborted_by\n", "aborted_by = None\n"),
    (_OF_WORKFLOWS, ", recovering=False, aborted_by=None)", ", recovering=False)"),
    ("monitord_job/recording/ingest.py", "        self._mark_services()\n", ""),
    (
        "monitord_job/database/dialect.py",
        "        return () if has_any else STATEMENTS\n",
        "        return ()\n",
    ),
    ("monitord_job/notifications/history_queries.py", "(n.service IS NULL OR NOT n.service) AND ", ""),
]
"""What the newest version of our tables brought to the code: where, what, and what stood there before."""
_SCRIPT = """\
#!{python}
import sys
from planner_ext.cli import {main}
sys.exit({main}())
"""


class Installed:
    """A `bridle` in an environment of its own, whose packages can be replaced under it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self._packages = folder / "packages"
        python = folder / "bin" / "python"
        for name, main in (("bridle", "main"), ("bridle-notify", "notify_main")):
            script = folder / "bin" / name
            script.write_text(_SCRIPT.format(python=python, main=main))
            script.chmod(0o755)
        (found,) = folder.glob("lib/python*/site-packages")
        # What it depends on is ours; what is installed there as editable is not, for that is a .pth of its own.
        (found / "bridle.pth").write_text(f"{self._packages}\n{sysconfig.get_path('purelib')}\n")
        self.bridle = folder / "bin" / "bridle"

    def install(self, tree: Path) -> None:
        """As an installer does: the packages of a source tree in the place of those that were there."""
        shutil.rmtree(self._packages, ignore_errors=True)
        for name in PACKAGES:
            shutil.copytree(tree / name, self._packages / name, ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, pool: Pool, *words: str) -> str:
        """What `bridle WORDS` prints."""
        command = [str(self.bridle), *words]
        done = subprocess.run(
            command, env=pool.environment(), capture_output=True, text=True, timeout=RUN_LIMIT, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def older_tree(work_dir: Path) -> Path:
    """The program as it was before the newest version of our tables."""
    tree = work_dir / "older"
    for name in PACKAGES:
        shutil.copytree(CHECKOUT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file, now, then in LAST_MIGRATION:
        text = (tree / file).read_text()
        assert text.count(now) == 1, f"{file}: {now!r}"
        (tree / file).write_text(text.replace(now, then))
    return tree


def versions(run: SubmitDir) -> list[object]:
    return [row[0] for row in query(run.database, "SELECT version FROM bridle_schema ORDER BY version")]


def test_a_run_survives_an_upgrade_under_its_monitor(pool, work_dir, older_tree):
    program = Installed(work_dir / "installed")
    program.install(older_tree)
    run = planned_run(work_dir / "run")
    program.run(pool, "run", str(run.path))
    assert str(program.bridle) in run.monitor_submit.read_text()
    until(lambda: waiting(run), "its jobs wait")
    until(lambda: stored(run, "EXECUTE", 5), "and are stored to run")
    assert versions(run) == [BRIDLE_VERSION - 1]

    program.install(CHECKOUT)
    first = monitor_pid(run)
    assert "running" in program.run(pool, "status", str(run.path))
    assert versions(run) == [BRIDLE_VERSION - 1], "the monitor of then is at work"
    kill(first)
    new_monitor(run, first)
    until(lambda: versions(run)[-1] == BRIDLE_VERSION, "the new one has taken it up")
    open_gate(run)
    succeeded_once(pool, run)
