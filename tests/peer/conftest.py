"""Pegasus's own tools, and a finished run of the example for them to read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dag_rewriter.submit_dir import SubmitDir
from planner_ext.pool import Pool
from planner_ext.pool_release import find_release
from tests.database import Rows, dump
from tests.runs import ended, submitted, until
from tests.workflows import plan_mosaic

collect_ignore = ["pegasus_documents.py", "pegasus_loader.py"]  # it runs in the peer's environment

BUILD = Path(__file__).resolve().parents[2] / "build"

Peer = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SubmitDir]:
    """The mosaic after its run on a pool that is gone again."""
    place = BUILD / "tests" / f"peer-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    release = find_release(
        None, os.environ["PATH"], Path(os.environ.get("BRIDLE_HTCONDOR", BUILD / "htcondor"))
    )
    pool = Pool(BUILD / "pools" / f"peer-{os.getpid()}")
    with pool:
        pool.start(release, slots=8)
        submit_dir = submitted(pool, plan_mosaic(place))
        until(lambda: ended(submit_dir), "the run has ended")
    shutil.rmtree(pool.directory)
    yield submit_dir
    shutil.rmtree(place)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Path], dict[str, Rows]]:
    """`load(EVENTS)`: the tables that pegasus-monitord's loader makes of an events file."""
    python = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer")) / "bin" / "python"
    script = Path(__file__).with_name("pegasus_loader.py")

    def loaded(events: Path) -> dict[str, Rows]:
        database = tmp_path / "loaded.db"
        command = [str(python), str(script), str(events), f"sqlite:///{database}"]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ERROR" not in done.stdout
        return dump(database)

    return loaded


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    """`peer("pegasus-analyzer", DIR)` runs that tool of pegasus-wms 5.1.3 in its own environment."""
    prefix = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer"))

    def run(tool: str, *words: str) -> subprocess.CompletedProcess[str]:
        (script,) = prefix.glob(f"lib/python3.*/site-packages/Pegasus/cli/{tool}.py")
        environment = {
            # Its dashboard database goes to the home directory.
            "HOME": str(tmp_path),
            "PEGASUS_HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "TZ": os.environ.get("TZ", ""),
        }
        command = [str(prefix / "bin" / "python"), str(script), *words]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    return run
