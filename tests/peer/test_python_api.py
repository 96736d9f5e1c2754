"""Pegasus's own Python API (pegasus-wms 5.1.3, with its SQLAlchemy 1.3) after `planner_ext.enable()`: plans."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.rewrite import is_rewritten
from tests.crash.test_hook import SUBMIT_DAG, program
from tests.support.pegasus_home import in_api, pegasus_home
from tests.support.runs import BRIDLE
from tests.support.workflows import plan

PLAN = "wf.plan(conf='p f', submit=False)"


@pytest.fixture
def submit_dir(tmp_path: Path) -> SubmitDir:
    planned = open_submit_dir(plan(tmp_path / "planned", "--fan", "2"))
    planned.condor_sub.unlink()
    planned.metrics.unlink()
    return planned


@pytest.fixture
def programs(tmp_path: Path, submit_dir: SubmitDir) -> list[Path]:
    program(tmp_path / "condor" / "condor_submit_dag", SUBMIT_DAG.format(ending=""))
    return [pegasus_home(tmp_path / "pegasus", submit_dir), tmp_path / "condor"]


def given(tmp_path: Path) -> list[str]:
    return (tmp_path / "pegasus" / "calls").read_text().splitlines()


def test_a_plan_has_its_monitor_and_the_planner_its_arguments(tmp_path, submit_dir, programs):
    done = in_api(
        [PLAN, "print(wf.braindump.wf_uuid)"], tmp_path / "user", os.environ, [*programs, BRIDLE.parent]
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{submit_dir.wf_uuid}\n"
    assert "rewritten, the monitor is one of its jobs" in done.stderr
    assert is_rewritten(submit_dir)
    assert {"--conf", "p f", "--json"} <= set(given(tmp_path))


def test_the_planners_failure_is_its_own_and_it_is_called_once(tmp_path, submit_dir, programs):
    lines = [
        "from Pegasus.client._client import PegasusClientError",
        "try:",
        "    wf.plan(basename='fail')",
        "except PegasusClientError as error:",
        "    print(error.result.exit_code, error.output.strip())",
    ]
    done = in_api(lines, tmp_path / "user", os.environ, [*programs, BRIDLE.parent])
    assert done.stdout == "7 no site\n", done.stderr
    assert given(tmp_path).count("fail") == 1
    assert not is_rewritten(submit_dir)


BROKEN = {
    "none": "",
    "does not start": "exit 127",
    "fails in each command": "exit 70",
    "dies when it is to plan": 'case "$*" in *--help) ;; *) kill -9 $$ ;; esac',
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_bridle_that_fails_leaves_the_user_his_plan(tmp_path, submit_dir, programs, broken):
    path = os.pathsep.join(
        place for place in os.environ["PATH"].split(os.pathsep) if shutil.which("bridle", path=place) is None
    )
    if broken:
        program(tmp_path / "broken" / "bridle", f"#!/bin/sh\n{broken}\n")
        programs.append(tmp_path / "broken")
    done = in_api([PLAN], tmp_path / "user", {**os.environ, "PATH": path}, programs)
    assert done.returncode == 0, done.stderr
    assert "bridle: " in done.stderr
    assert not is_rewritten(submit_dir)
    assert b"\nexecutable=/opt/pegasus/bin/pegasus-dagman" in submit_dir.condor_sub.read_bytes()


def test_it_can_be_switched_off(tmp_path, submit_dir, programs):
    off = {**os.environ, "BRIDLE_HOOK": "off"}
    done = in_api([PLAN], tmp_path / "user", off, [*programs, BRIDLE.parent])
    assert done.returncode == 0, done.stderr
    assert "bridle: " not in done.stderr
    assert not is_rewritten(submit_dir)


def test_a_run_is_started_by_the_shim_and_without_shims_by_pegasus_own(tmp_path, submit_dir, programs):
    """Here is no pool: the shim says so, Pegasus's own asks condor_submit alone."""
    program(tmp_path / "condor" / "condor_submit", "#!/bin/sh\necho 5.0 - 5.0\n")
    nowhere = {**os.environ, "CONDOR_CONFIG": str(tmp_path / "none")}
    refused = in_api([PLAN, "wf.run()"], tmp_path / "user", nowhere, [*programs, BRIDLE.parent])
    assert refused.returncode == 1
    assert "/data/bridle/hook/pegasus-run" in refused.stderr
    (tmp_path / "user" / "data").rename(tmp_path / "user" / "old")
    (tmp_path / "user" / "data").write_text("no directory\n")
    done = in_api([PLAN, "wf.run()"], tmp_path / "user", nowhere, [*programs, BRIDLE.parent])
    assert done.returncode == 0, done.stderr
    assert "Pegasus goes on without the shims" in done.stderr
