"""Real personal pools: one that a worker's tests share, and own ones for tests that break theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from planner_ext.pool.pool import Pool
from planner_ext.pool.release import Release, find_release
from tests.support.places import BUILD, WORK

Condor = Callable[..., str]


@pytest.fixture(scope="session")
def release() -> Release:
    """The HTCondor under test: the one named, else that in PATH, else the one that `make test` put below build/."""
    named = os.environ.get("BRIDLE_TESTED_HTCONDOR")
    fallback = Path(os.environ.get("BRIDLE_HTCONDOR", BUILD / "htcondor"))
    return find_release(Path(named) if named else None, os.environ.get("PATH", os.defpath), fallback)


@pytest.fixture(scope="session")
def pool(release: Release) -> Iterator[Pool]:
    """A running pool for tests that leave it as they found it, one for each worker process."""
    _remove_pools_of_the_dead()
    shared = Pool(WORK / "pools" / f"test-{os.getpid()}")
    with shared:
        shared.start(release, slots=8)
        yield shared
    shutil.rmtree(shared.directory, ignore_errors=True)


def _remove_pools_of_the_dead() -> None:
    """A test run that was killed could not stop its pools."""
    for folder in (WORK / "pools").glob("test-*"):
        if not Path("/proc", folder.name.removeprefix("test-")).exists():
            Pool(folder).crash()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_pool(work_dir: Path, release: Release) -> Iterator[Pool]:
    """A pool of the test's own, not started; whatever happens to it, nothing of it is left."""
    mine = Pool(work_dir / "pool")
    yield mine
    mine.crash()
    assert mine.processes.all() == []


@pytest.fixture
def condor(pool: Pool) -> Condor:
    """`condor("condor_q", "-allusers")` -> what the tool prints about the shared pool."""
    return condor_of(pool)


def condor_of(pool: Pool) -> Condor:
    """The same for any pool; `cwd` is where the tool runs."""

    def run(*command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, env=pool.environment(), cwd=cwd, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    return run
