"""Two monitors that both believe to be the only one: the later one writes, the other one cannot, whatever it knows."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database import bulk_sql, dialect
from monitord_job.errors import FencedError, LockedError, StoppedError, TryAgainError
from monitord_job.lock import alone, holder_of
from monitord_job.logs.tail import Cursor
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.recording import ingest, store
from monitord_job.recording.store import Changes, Store
from monitord_job.recording.transactions import Claim
from monitord_job.stampede.rows import FileMetaRow
from planner_ext.cli import run_command
from tests.golden.recording.test_postgresql import workflow
from tests.support.database import Rows, check_sound, dump, query
from tests.support.recorded import prepare
from tests.support.runs import until

ROOT = "root"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, work_dir: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{work_dir / 'fenced.db'}"
    found = request.getfixturevalue("postgresql")
    assert isinstance(found, str)
    return found


def place(url: str) -> Path | str:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else url


def opened(url: str, name: str) -> Store:
    found = Store(url.replace("postgresql:", "postgresql+psycopg:"), claim=Claim(ROOT, name))
    found.create()
    return found


def put(where: Store, lfn: str) -> None:
    known = where.stored(ROOT).cursors()
    rows = [FileMetaRow(lfn, "size", "1")]
    cursors = {"log": Cursor(len(lfn))}
    where.commit(ROOT, Changes(rows if known else [workflow(ROOT), *rows], cursors))


def files_in(url: str) -> list[object]:
    return [name for (name,) in query(place(url), "SELECT lfn FROM rc_lfn ORDER BY lfn")]


def test_the_later_one_writes_and_the_earlier_one_never_again(url):
    first = opened(url, "first")
    put(first, "a")
    second = opened(url, "second")
    for _ in range(2):
        with pytest.raises(FencedError, match="taken over: second") as error:
            put(first, "b")
        assert error.value.exit_code == 75
        with pytest.raises(FencedError):  # what the monitor does after an error gives it no right
            first.create()
    put(second, "c")
    with pytest.raises(FencedError), first.rebuilding(ROOT):
        pass
    put(second, "d")
    assert files_in(url) == ["a", "c", "d"]
    first.close()
    second.close()


def test_another_workflow_in_the_same_database_is_nobody_s_business(url):
    first = opened(url, "first")
    put(first, "a")
    other = Store(url.replace("postgresql:", "postgresql+psycopg:"), claim=Claim("another", "other"))
    other.create()
    put(first, "b")
    assert files_in(url) == ["a", "b"]
    first.close()
    other.close()


def test_a_database_that_was_removed_makes_no_old_one_good_again(work_dir):
    url = f"sqlite:///{work_dir / 'fenced.db'}"
    first, second = opened(url, "first"), opened(url, "second")
    put(second, "a")
    Path(place(url)).unlink()
    with pytest.raises(TryAgainError):
        put(second, "b")
    second.create()
    put(second, "b")
    third = opened(url, "third")
    for earlier in (first, second):
        with pytest.raises(TryAgainError):
            put(earlier, "c")
        with pytest.raises(FencedError):
            earlier.create()
        with pytest.raises(FencedError):
            put(earlier, "c")
    put(third, "d")
    assert files_in(url) == ["b", "d"]
    for found in (first, second, third):
        found.close()


def test_an_older_copy_put_back_makes_no_old_one_good_again(work_dir):
    url, copy = f"sqlite:///{work_dir / 'fenced.db'}", work_dir / "copy.db"
    first = opened(url, "first")
    put(first, "a")
    shutil.copy(place(url), copy)
    second = opened(url, "second")
    put(second, "b")
    copy.replace(place(url))
    with pytest.raises(TryAgainError):
        put(second, "c")
    second.create()
    put(second, "c")
    with pytest.raises(TryAgainError):
        put(first, "d")
    with pytest.raises(FencedError):
        first.create()
    assert files_in(url) == ["a", "c"]
    first.close()
    second.close()


@pytest.fixture
def run(fresh_corpus) -> SubmitDir:
    return prepare(fresh_corpus("recorded/diamond-condorio")).submit_dir


@pytest.fixture
def undisturbed(run, work_dir) -> dict[str, Rows]:
    """What the run's database is to hold in the end."""
    found = work_dir / "undisturbed.db"
    session.catch_up(run, Limits(), url=f"sqlite:///{found}")
    return dump(found)


def _stop_at(owner: type, name: str, number: int, words: list[str]) -> None:
    """A monitor that stops itself before the call number `number` of a function."""
    function, count = getattr(owner, name), 0

    def counting(*args: object, **kwargs: object) -> object:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGSTOP)
        return function(*args, **kwargs)

    setattr(owner, name, counting)
    ingest.TURN_BYTES = 600
    dialect.IDLE_SECONDS = 1
    sys.exit(run_command(words))


class Stopped:
    """A monitor in a process of its own, which stands still at some step and is woken up later."""

    def __init__(self, point: tuple[type, str, int], words: list[str]) -> None:
        self.process = multiprocessing.get_context("fork").Process(target=_stop_at, args=(*point, words))
        self.process.start()
        assert self.process.pid is not None
        self.pid = self.process.pid
        until(lambda: self._state() == "T", "it stands still", limit=60)

    def _state(self) -> str:
        assert self.process.exitcode is None, f"it has left with {self.process.exitcode}"
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def wake(self) -> int | None:
        """Let it go on; its exit code."""
        os.kill(self.pid, signal.SIGCONT)
        self.process.join(60)
        return self.process.exitcode

    def end(self) -> None:
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join(60)


@pytest.fixture
def stopped(run):
    """`stopped(point, *words)` -> a monitor of the run that stands still there."""
    made: list[Stopped] = []

    def make(point: tuple[type, str, int], *words: str) -> Stopped:
        made.append(Stopped(point, ["monitord", *words, str(run.path)]))
        return made[-1]

    yield make
    for found in made:
        found.end()


BEFORE_A_TRANSACTION = (store.Store, "commit", 4)
WITHIN_A_TRANSACTION = (bulk_sql.Bulk, "insert", 30)
BEFORE_IT_TAKES_OVER = (store.Store, "_take_over", 1)
BEFORE_IT_REPLACES = (store.Store, "give_way_to", 1)

Stopping = Callable[..., Stopped]


def test_a_monitor_that_wakes_up_after_another_took_its_place(url, run, undisturbed, stopped: Stopping):
    orphan = stopped(BEFORE_A_TRANSACTION, "--catch-up", "--url", url)
    run.lock.unlink()  # as on another host, where the lock does not reach
    session.catch_up(run, Limits(), url=url)
    assert dump(place(url)) == undisturbed
    assert orphan.wake() == 75
    assert dump(place(url)) == undisturbed


def test_one_that_had_not_begun_is_the_later_one(url, run, undisturbed, stopped: Stopping):
    late = stopped(BEFORE_IT_TAKES_OVER, "--catch-up", "--url", url)
    run.lock.unlink()
    session.catch_up(run, Limits(), url=url)
    assert late.wake() == 0
    assert dump(place(url)) == undisturbed


def test_postgresql_ends_the_transaction_of_one_that_stands_still(
    postgresql, run, undisturbed, stopped: Stopping
):
    orphan = stopped(WITHIN_A_TRANSACTION, "--catch-up", "--url", postgresql, "--database-wait", "30")
    run.lock.unlink()
    session.catch_up(run, Limits(database=60.0), url=postgresql)
    assert dump(postgresql) == undisturbed
    assert orphan.wake() == 75
    assert dump(postgresql) == undisturbed


def test_in_the_middle_of_a_transaction_sqlite_lets_nobody_past(run, undisturbed, stopped: Stopping):
    orphan = stopped(WITHIN_A_TRANSACTION, "--catch-up")
    run.lock.unlink()
    with pytest.raises(TryAgainError, match="locked"):
        session.catch_up(run, Limits(database=0.1))
    assert orphan.wake() == 0
    assert dump(run.database) == undisturbed
    check_sound(run.database)


@pytest.mark.parametrize(
    ("mode", "point"),
    [
        ("--catch-up", BEFORE_A_TRANSACTION),
        ("--rebuild", BEFORE_A_TRANSACTION),
        ("--rebuild", BEFORE_IT_REPLACES),
    ],
    ids=["catch-up", "rebuild", "rebuild-done"],
)
def test_a_rebuild_wins_against_whoever_writes_the_old_file(run, undisturbed, stopped: Stopping, mode, point):
    if mode == "--rebuild":
        session.catch_up(run, Limits())
    orphan = stopped(point, mode)
    run.lock.unlink()
    session.rebuild(run, Limits())
    assert orphan.wake() == 75
    assert dump(run.database) == undisturbed
    check_sound(run.database)
    session.rebuild(run, Limits())
    assert [path.name for path in run.path.glob("*.rebuild-*")] == [], "nothing is left of the one that lost"


def test_a_reader_says_who_keeps_the_directory_and_does_not_hang(run, stopped: Stopping, caplog, capsys):
    orphan = stopped(BEFORE_A_TRANSACTION, "--catch-up")
    with pytest.raises(StoppedError, match=f"process {orphan.pid} on "):
        session.catch_up(run, Limits())
    assert run_command(["status", str(run.path)]) == 0
    assert f"kill -CONT {orphan.pid}" in caplog.text
    assert "jobs done" in capsys.readouterr().out
    assert orphan.wake() == 0


def test_a_live_one_is_named_and_left_alone(run):
    with alone(run.lock, 0.0) as holder:
        assert holder_of(run.lock) == holder
        with pytest.raises(LockedError, match=f"process {os.getpid()} on ") as error:
            session.catch_up(run, Limits(), lock_wait=0.3)
    assert not isinstance(error.value, StoppedError)


def test_a_monitor_waits_and_then_goes_past_one_that_stands_still(run, undisturbed, stopped: Stopping):
    orphan = stopped(BEFORE_A_TRANSACTION, "--follow")
    assert run_command(["monitord", "--follow", "--lock-wait", "0.3", str(run.path)]) == 0
    assert dump(run.database) == undisturbed
    assert orphan.wake() == 75
    assert dump(run.database) == undisturbed
    check_sound(run.database)
