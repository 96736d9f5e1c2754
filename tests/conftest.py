"""What all tests share: real submit directories, and a place to work that DAGMan accepts."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import click
import pytest
from hypothesis import HealthCheck, settings

from tests.support.places import BUILD, CHECKOUT, WORK
from tests.support.postgresql import Server, server_of_tests
from tests.support.users import can_be_another

# The machine may be busy with the daemons of other tests: how long an example takes proves nothing.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

Corpus = Callable[[str], Path]

FIXTURES = Path(__file__).with_name("fixtures")
OWN, CORPUS = "own", "corpus"
"""Where a submit directory comes from: an archive of tests/fixtures, or of the corpus."""


def wherever(kind: str, names: Iterable[str]) -> list[Any]:
    """The names of archives as parameters; one that is not among the fixtures is tested on the corpus alone."""
    found = {name: f"{kind}/{name}" if kind else name for name in names}
    return [
        name if has_fixture(found[name]) else pytest.param(name, marks=pytest.mark.corpus) for name in names
    ]


def has_fixture(name: str) -> bool:
    return FIXTURES.joinpath(f"{name}.tar.xz").exists()


LAST_POOL_TEST = 0.5
"""Of the other files, how many have been given out when the last one that waits for daemons is."""

CORPUS_PLANNED = [
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
PLANNED = wherever("planned", CORPUS_PLANNED)


def corpus_archives() -> Path | None:
    """The folder of the archives; None if there is none, or BRIDLE_CORPUS is set to nothing."""
    named = os.environ.get("BRIDLE_CORPUS", str(CHECKOUT.parent / "shared" / "corpus"))
    folder = Path(named)
    return folder if named and (folder / "planned").is_dir() else None


BASETEMP = "pytest-tmp-oldest" if "BRIDLE_TESTED_HTCONDOR" in os.environ else "pytest-tmp"
"""`make test` runs the tests on a pool with two HTCondors side by side."""
AT_WORK = pytest.StashKey[TextIO]()
"""A lock that all test runs in this checkout share: who gets it alone is the last one."""
LEFT_OUT = pytest.StashKey[dict[str, int]]()
"""Key of WANTED -> how many tests are left out for want of it."""

WANTED: dict[str, tuple[Callable[[], bool], str]] = {
    "corpus": (
        lambda: corpus_archives() is not None,
        "the corpus of real submit directories, which is neither in ../shared/corpus nor in $BRIDLE_CORPUS",
    ),
    "second_user": (
        can_be_another,
        "root, who can be another user, and a checkout that other users can read",
    ),
}
"""Name of a marker or fixture -> whether what such a test needs is there, and what that is."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("BRIDLE_CORPUS_REQUIRED") and corpus_archives() is None:
        raise pytest.UsageError(
            "no corpus in ../shared/corpus or $BRIDLE_CORPUS, and BRIDLE_CORPUS_REQUIRED is set"
        )
    # The planner's directories are made in tmp_path too. A worker of xdist is told a folder in that of the controller.
    config.option.basetemp = config.option.basetemp or str(WORK / BASETEMP)
    # What is confirmed to be run stands in the home: it must not be that of who runs the tests.
    WORK.mkdir(parents=True, exist_ok=True)
    if not hasattr(config, "workerinput"):
        config.stash[AT_WORK] = lock = WORK.joinpath("testing.lock").open("w")
        config.add_cleanup(lock.close)
        fcntl.flock(lock, fcntl.LOCK_SH)
    home = tempfile.mkdtemp(prefix="home-", dir=WORK)
    os.environ["HOME"] = home
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs something that is not there.

    A test with `corpus` runs on both sources; marked `own` or `corpus`, on that alone.
    """
    items[:] = [item for item in items if source(item) in allowed(item)]
    config.stash[LEFT_OUT] = {}
    for name, (is_there, _) in WANTED.items():
        wanting = [item for item in items if needs(name, item)]
        if wanting and not is_there():
            config.stash[LEFT_OUT][name] = len(wanting)
            config.hook.pytest_deselected(items=wanting)
            items[:] = [item for item in items if item not in set(wanting)]
    items.sort(key=turns(items))


def turns(items: Iterable[pytest.Item]) -> Callable[[pytest.Item], float]:
    """When a test's file is given to a worker, from 0 to 1: the longest ones first, so that no worker is left alone
    with one at the end, and those that wait for daemons spread among those that need the processor.
    """
    busy, waiting = [], []
    for path in dict.fromkeys(item.path for item in items):
        (waiting if path.parent.name == "pool" else busy).append(path)
    busy.sort(key=lambda path: path.parent.name != "crash")
    turn = {path: number / len(busy) for number, path in enumerate(busy)}
    turn |= {path: LAST_POOL_TEST * number / len(waiting) for number, path in enumerate(waiting)}
    return lambda item: turn[item.path]


def source(item: pytest.Item) -> str | None:
    """Where its submit directories come from; None if it asks for none."""
    return item.callspec.params.get("corpus") if hasattr(item, "callspec") else None


def allowed(item: pytest.Item) -> set[str | None]:
    marked = {name for name in (OWN, CORPUS) if item.get_closest_marker(name) is not None}
    return {None, *(marked or {OWN, CORPUS})}


def needs(name: str, item: pytest.Item) -> bool:
    if name == CORPUS and source(item) is not None:
        return source(item) == CORPUS
    return name in getattr(item, "fixturenames", ()) or item.get_closest_marker(name) is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist tells the controller, which collects nothing itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects the same."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash[LEFT_OUT] = {**node.config.stash.get(LEFT_OUT, {}), **left_out}


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last lines, after the summary; and nothing is left outside of the checkout, unless a test failed."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(config, "workeroutput") or reporter is None:
        return
    if WORK != BUILD and not reporter.stats.keys() & {"failed", "error"} and is_last(config.stash[AT_WORK]):
        leave_nothing(WORK)
    for name, count in config.stash.get(LEFT_OUT, {}).items():
        reporter.write_line(f"{count} tests left out: they need {WANTED[name][1]} (tests/README.md)")


def is_last(lock: TextIO) -> bool:
    """Whether no other test run is at work in this checkout."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def leave_nothing(work: Path) -> None:
    """Remove what the workers share, and the folders that are empty then: the demo may be at work there."""
    for name in ("pytest-tmp", "pytest-tmp-oldest", "corpus", "postgresql-data"):
        shutil.rmtree(work / name, ignore_errors=True)
    work.joinpath("testing.lock").unlink(missing_ok=True)
    for folder in (work / "tests", work / "pools", work):
        with suppress(OSError):
            folder.rmdir()


@pytest.fixture(autouse=True)
def _documents_keep_to_their_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a command prints as JSON in the tests' own process is what `bridle schema` says of it."""
    from condor_templates.terminal import say
    from dag_rewriter.cli import common

    def checked(text: str) -> None:
        from tests.support.json_documents import check, name_of

        ctx = click.get_current_context(silent=True)
        words = ["error"] if ctx is None else ctx.command_path.removeprefix("bridle ").split()
        name = name_of(words)
        if name is not None:  # some tests call a function of a command that has no name then
            check(name, text)
        say(text)

    monkeypatch.setattr(common, "say", checked)


@pytest.fixture(scope="session", params=[OWN, CORPUS])
def corpus(request: pytest.FixtureRequest) -> Corpus:
    """`corpus("planned/fan100")` -> that archive, unpacked for all workers; read only."""
    archives = FIXTURES if request.param == OWN else corpus_archives()
    assert archives is not None

    def unpacked(name: str) -> Path:
        archive = archives / f"{name}.tar.xz"
        target = WORK / "corpus" / request.param / name
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
    """An empty directory in which DAGMan works, removed if the test succeeds."""
    name = re.sub(r"[^\w.-]+", "_", request.node.nodeid.rpartition("/")[2])
    # With our pid, so that two test runs in one checkout do not meet.
    folder = WORK / "tests" / f"{name[:100]}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failures = request.session.testsfailed
    yield folder
    if request.session.testsfailed == failures:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A real PostgreSQL of this worker's own, started when the first test asks for it."""
    with server_of_tests(WORK / "postgresql-data" / str(os.getpid())) as server:
        yield server


@pytest.fixture
def postgresql(postgresql_server: Server) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgresql_server.new_database()
