"""Databases and catalogs that Pegasus 5.1.3 makes are taken as they are, and it understands ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.support.database import dump
from tests.support.places import BUILD
from tests.support.recorded import as_it_ran

Pegasus = Callable[..., str]
SCRIPT = Path(__file__).with_name("pegasus_databases.py")


@pytest.fixture
def pegasus(tmp_path: Path) -> Pegasus:
    """`pegasus("create", URL)` runs pegasus_databases.py in the environment of Pegasus's own tools."""
    python = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer")) / "bin" / "python"

    def run(*words: object) -> str:
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [str(python), str(SCRIPT), *map(str, words)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("made", ["touched", "created"])
def test_the_ensemble_manager_knows_how_a_run_ended(made, pegasus, fresh_corpus, work_dir, monkeypatch):
    """From a file that is there only, and from one that pegasus-db-admin has made."""
    monkeypatch.setenv("BRIDLE_HOME", str(work_dir))
    master = work_dir / ".pegasus" / "workflow.db"
    master.parent.mkdir()
    if made == "touched":
        master.touch()
    else:
        pegasus("create", f"sqlite:///{master}")
    submit_dir = as_it_ran(fresh_corpus("recorded/failing-condorio")).submit_dir
    catch_up(submit_dir, Limits(master=60.0))
    told = json.loads(pegasus("ensemble", f"sqlite:///{master}", submit_dir.wf_uuid).splitlines()[-1])
    assert told == {"pending": False, "running": False, "successful": True}


def test_a_workflow_database_of_pegasus_db_admin_is_taken(pegasus, fresh_corpus, work_dir):
    submit_dir = as_it_ran(fresh_corpus("recorded/failing-condorio")).submit_dir
    catch_up(submit_dir, Limits())
    expected = dump(submit_dir.database)
    submit_dir.database.unlink()
    pegasus("create", f"sqlite:///{submit_dir.database}")
    catch_up(submit_dir, Limits())
    found = dump(submit_dir.database)
    for table in ("workflow", "job", "job_instance", "jobstate", "invocation", "workflowstate"):
        assert found[table] == expected[table] != []


def test_catalogs_of_pegasuss_api_are_valid_and_it_reads_ours_as_the_same(pegasus, tmp_path):
    pegasus("catalogs", "write", tmp_path)
    said = json.loads(pegasus("catalogs", "read", tmp_path))
    again = tmp_path / "again"
    again.mkdir()
    for client, name in (("tc", "transformations"), ("rc", "replicas"), ("sc", "sites")):
        path = tmp_path / f"{name}.yml"
        assert run_command([client, "validate", "--catalog", str(path)]) == 0
        assert run_command([client, "convert", str(path), str(again / path.name)]) == 0
    assert json.loads(pegasus("catalogs", "read", again)) == said


@pytest.mark.parametrize("archive", wherever("planned", ["pegasus-4.9.3-diamond"]))
def test_pegasus_reads_what_was_converted_from_old_formats(archive, pegasus, tmp_path, fresh_corpus):
    found = fresh_corpus(f"planned/{archive}").rglob("tc.txt")
    folder = min(found, key=lambda path: len(path.parts)).parent
    for client, name, new in (
        ("tc", "tc.txt", "transformations"),
        ("rc", "rc.txt", "replicas"),
        ("sc", "sites.xml", "sites"),
    ):
        assert run_command([client, "convert", str(folder / name), str(tmp_path / f"{new}.yml")]) == 0
    said = json.loads(pegasus("catalogs", "read", tmp_path))
    assert {one["name"] for one in said["transformations"]["transformations"]} >= {"preprocess"}
    assert said["replicas"]["replicas"][0]["lfn"] == "f.a"
    assert {one["name"] for one in said["sites"]["sites"]} >= {"local", "condorpool"}
