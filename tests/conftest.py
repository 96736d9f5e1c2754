"""What all tests share: real submit directories, and a place to work that DAGMan accepts."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgresql import Server

# The machine may be busy with the daemons of other tests: how long an example takes proves nothing.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

CHECKOUT = Path(__file__).resolve().parents[1]
BUILD = CHECKOUT / "build"

Corpus = Callable[[str], Path]

PLANNED = [
    "cleanup-leaf",
    "dagman-profiles",
    "dax-xml",
    "diamond-condorio",
    "diamond-sharedfs",
    "fan100",
    "fan5000",
    "hello-condorpool",
    "lclust",
    "montage",
    "names",
    "notify",
    "notify-clustered",
    "pegasus-4.9.3-diamond",
    "stagein-clusters",
    "subwf-dag",
    "subwf-dax-hooks",
    "subwf-nested3",
]
"""The planned submit directories of the corpus."""


def corpus_archives() -> Path:
    """The folder of the archives; fails the test if there is none."""
    named = os.environ.get("BRIDLE_CORPUS")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "corpus"
    if not (folder / "planned").is_dir():
        pytest.fail(
            f"no corpus of submit directories in {folder}: put it into ../shared/corpus beside the checkout, "
            "or name its folder in BRIDLE_CORPUS",
            pytrace=False,
        )
    return folder


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """`corpus("planned/fan100")` -> that archive, unpacked below build/ for all workers; read only."""

    def unpacked(name: str) -> Path:
        archive = corpus_archives() / f"{name}.tar.xz"
        target = BUILD / "corpus" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(f"{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stamp = target.with_name(f"{target.name}.stamp")
            mark = f"{archive.stat().st_size} {archive.stat().st_mtime_ns}"
            if not stamp.exists() or stamp.read_text() != mark:
                shutil.rmtree(target, ignore_errors=True)
                with tarfile.open(archive) as tar:
                    # Python 3.12 wants it said, 3.11.2 does not know it.
                    tar.extraction_filter = getattr(tarfile, "tar_filter", None)
                    tar.extractall(target)
                stamp.write_text(mark)
        return target

    return unpacked


@pytest.fixture
def fresh_corpus(corpus: Corpus, work_dir: Path) -> Corpus:
    """As `corpus`, but a copy in the test's own work_dir to write in."""

    def copied(name: str) -> Path:
        target = work_dir / name
        shutil.copytree(corpus(name), target, symlinks=True)
        return target

    return copied


@pytest.fixture
def work_dir(request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty directory below build/ (DAGMan refuses to work below /tmp), removed if the test succeeds."""
    name = re.sub(r"[^\w.-]+", "_", request.node.nodeid.rpartition("/")[2])
    # With our pid, so that two test runs in one checkout do not meet.
    folder = BUILD / "tests" / f"{name[:100]}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failures = request.session.testsfailed
    yield folder
    if request.session.testsfailed == failures:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A real PostgreSQL of this worker's own, started when the first test asks for it."""
    place = BUILD / "postgresql-data"
    place.mkdir(parents=True, exist_ok=True)
    programs = Path(os.environ.get("BRIDLE_POSTGRESQL", BUILD / "postgresql")) / "bin"
    server = Server(programs, place / str(os.getpid()))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgresql(postgresql_server: Server) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgresql_server.new_database()
