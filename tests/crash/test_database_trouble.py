"""A database that is locked, full, away or exchanged: nothing is lost, and the monitor goes on when it can."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database import bulk_sql, dialect
from monitord_job.errors import SchemaError, TryAgainError
from monitord_job.monitor import daemon, session, trouble
from monitord_job.monitor.limits import Limits
from monitord_job.recording import ingest, store
from tests.support.database import Rows, check_sound, dump, query
from tests.support.postgresql import Server
from tests.support.recorded import prepare

BEGINS, COMPLAINTS = 4, 3
"""At which of its statements (or commits) the monitor meets the trouble; how often it complains before it is mended."""


@pytest.fixture
def run(fresh_corpus) -> SubmitDir:
    return prepare(fresh_corpus("recorded/diamond-condorio")).submit_dir


@pytest.fixture
def undisturbed(run, work_dir) -> dict[str, Rows]:
    """What the run's database is to hold in the end."""
    place = work_dir / "undisturbed.db"
    session.catch_up(run, Limits(), url=f"sqlite:///{place}")
    return dump(place)


class Trouble(logging.Handler):
    """Begins when told to and is mended when the monitor has complained some times; remembers what it said."""

    def __init__(self, begin: Callable[[], None], mend: Callable[[], None]) -> None:
        super().__init__()
        self._begin, self._mend = begin, mend
        self.begun = False
        self.said: list[str] = []
        self.complaints = 0

    def begin(self) -> None:
        if not self.begun:
            self.begun = True
            self._begin()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        if "(again in" in record.getMessage():
            self.complaints += 1
            if self.complaints == COMPLAINTS:
                self._mend()


def nothing() -> None:
    """For what needs no mending."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Many small transactions, and short waits."""
    monkeypatch.setattr(ingest, "TURN_BYTES", 600)
    monkeypatch.setattr(dialect, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(trouble, "_LONGEST_WAIT", 0.2)
    return monkeypatch


def before(patch: pytest.MonkeyPatch, owner: Any, name: str, action: Callable[[], None], number: int) -> None:
    """Call `action` before the call number `number` of a function."""
    function, count = getattr(owner, name), 0

    def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count == number:
            action()
        return function(*args, **kwargs)

    patch.setattr(owner, name, counting)


def catch_up(submit_dir: SubmitDir, trouble: Trouble, url: str | None = None, wait: float = 60.0) -> None:
    log = daemon.LOG
    level = log.level
    log.addHandler(trouble)
    log.setLevel(logging.INFO)
    try:
        session.catch_up(submit_dir, Limits(database=wait), url=url)
    finally:
        log.removeHandler(trouble)
        log.setLevel(level)


def told(trouble: Trouble) -> None:
    """The monitor said that it could not, and then that it could."""
    assert trouble.complaints
    assert "can be used again, after" in trouble.said[-1]


@pytest.mark.parametrize("how", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_locked_by_a_writer(run, undisturbed, quick, how):
    other = sqlite3.connect(run.database, isolation_level=None)
    trouble = Trouble(lambda: other.execute(how), lambda: other.execute("ROLLBACK"))
    before(quick, store.Store, "commit", trouble.begin, BEGINS)
    catch_up(run, trouble)
    other.close()
    told(trouble)
    assert trouble.complaints == COMPLAINTS
    assert dump(run.database) == undisturbed
    check_sound(run.database)


def test_locked_by_a_reader_that_began_before_the_commit(run, undisturbed, quick):
    other = sqlite3.connect(run.database, isolation_level=None)

    def read() -> None:
        other.execute("BEGIN")
        other.execute("SELECT * FROM job").fetchone()

    trouble = Trouble(read, lambda: other.execute("ROLLBACK"))
    before(quick, store.Store, "commit", trouble.begin, BEGINS)
    catch_up(run, trouble)
    other.close()
    told(trouble)
    assert dump(run.database) == undisturbed
    check_sound(run.database)


def test_locked_from_the_start(run, undisturbed, quick):
    other = sqlite3.connect(run.database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    trouble = Trouble(nothing, lambda: other.execute("ROLLBACK"))
    catch_up(run, trouble)
    other.close()
    told(trouble)
    assert dump(run.database) == undisturbed


def test_locked_too_long_it_leaves_to_be_started_again(run, undisturbed, quick):
    other = sqlite3.connect(run.database, isolation_level=None)
    trouble = Trouble(lambda: other.execute("BEGIN EXCLUSIVE"), nothing)
    before(quick, store.Store, "commit", trouble.begin, BEGINS)
    with pytest.raises(TryAgainError, match="locked") as error:
        catch_up(run, trouble, wait=0.5)
    assert error.value.exit_code == 75
    other.execute("ROLLBACK")
    other.close()
    catch_up(run, trouble)
    assert dump(run.database) == undisturbed


def test_removed_under_the_monitor(run, undisturbed, quick):
    trouble = Trouble(run.database.unlink, nothing)
    before(quick, store.Store, "commit", trouble.begin, BEGINS)
    catch_up(run, trouble)
    told(trouble)
    assert "removed or replaced" in trouble.said[0]
    assert dump(run.database) == undisturbed
    check_sound(run.database)


def test_removed_in_the_middle_of_a_transaction(run, undisturbed, quick):
    trouble = Trouble(run.database.unlink, nothing)
    before(quick, bulk_sql.Bulk, "insert", trouble.begin, 30)
    catch_up(run, trouble)
    told(trouble)
    assert dump(run.database) == undisturbed
    check_sound(run.database)


def test_replaced_by_an_older_copy_of_itself(run, undisturbed, quick, work_dir):
    copy = work_dir / "copy.db"
    trouble = Trouble(lambda: copy.replace(run.database), nothing)
    before(quick, store.Store, "commit", lambda: shutil.copy(run.database, copy), BEGINS)
    before(quick, store.Store, "commit", trouble.begin, BEGINS + 3)
    catch_up(run, trouble)
    told(trouble)
    assert dump(run.database) == undisturbed
    check_sound(run.database)


def test_a_commit_whose_answer_was_lost_is_not_stored_twice(run, undisturbed, quick):
    whole, count = store.Store.commit, 0

    def commit(self: store.Store, wf_uuid: str, changes: store.Changes) -> None:
        nonlocal count
        count += 1
        whole(self, wf_uuid, changes)
        if count in (BEGINS, BEGINS + 2):
            raise TryAgainError("the database", "the connection was lost", "try again")

    quick.setattr(store.Store, "commit", commit)
    trouble = Trouble(nothing, nothing)
    catch_up(run, trouble)
    told(trouble)
    assert trouble.complaints == 2
    assert dump(run.database) == undisturbed


def test_a_file_that_is_no_database_is_no_reason_to_wait(run):
    run.database.write_bytes(b"no database at all\n" * 1000)
    with pytest.raises(SchemaError, match="not a database") as error:
        session.catch_up(run, Limits(database=60.0))
    assert error.value.exit_code == 1


FULL_DISK = """
import logging, sys
from pathlib import Path
from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.monitor import daemon, trouble as trouble_
from monitord_job.recording import ingest
from monitord_job.monitor import session
from tests.crash.test_database_trouble import Trouble, catch_up, told

directory, disk = map(Path, sys.argv[1:])
filler = disk / "filler"
with filler.open("wb") as stream:
    try:
        while True:
            stream.write(bytes(4096))
            stream.flush()
    except OSError as error:
        assert "No space" in str(error)
    finally:
        try:
            stream.close()
        except OSError:
            pass
# Enough for the tables, not for the rows.
with filler.open("rb+") as stream:
    stream.truncate(filler.stat().st_size - 320 * 1024)
ingest.TURN_BYTES = 1500
trouble_._LONGEST_WAIT = 0.2
trouble = Trouble(lambda: None, filler.unlink)
catch_up(open_submit_dir(directory), trouble, f"sqlite:///{disk / 'full.db'}")
told(trouble)
assert "full" in trouble.said[0], trouble.said
import shutil
shutil.copy(disk / "full.db", sys.argv[1] + "/full.db")
"""


def test_a_full_disk(run, undisturbed, work_dir):
    disk = work_dir / "disk"
    disk.mkdir()
    # A disk of its own, which takes neither root nor a file system outside this process.
    mount = 'mount -t tmpfs -o size=2m tmpfs "$2" && exec "$0" -c "$3" "$1" "$2"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    command += [sys.executable, str(run.path), str(disk), FULL_DISK]
    here = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert dump(run.path / "full.db") == undisturbed
    check_sound(run.path / "full.db")


@pytest.mark.parametrize(
    ("owner", "function", "number"),
    [
        (store.Store, "commit", BEGINS),
        (bulk_sql.Bulk, "insert", 12),
        (bulk_sql.Bulk, "insert", 40),
        (bulk_sql.Bulk, "select", 20),
    ],
    ids=["commit", "early", "late", "reading"],
)
def test_postgresql_cuts_the_connection(
    run, undisturbed, quick, postgresql, postgresql_server, owner, function, number
):
    name = postgresql.partition("?")[0].rpartition("/")[2]

    def cut() -> None:
        assert postgresql_server.cut_off(name) >= 1

    trouble = Trouble(cut, nothing)
    before(quick, owner, function, trouble.begin, number)
    catch_up(run, trouble, postgresql)
    told(trouble)
    assert dump(postgresql) == undisturbed


def test_postgresql_goes_down_and_comes_back(run, undisturbed, quick, postgresql_server: Server, postgresql):
    trouble = Trouble(postgresql_server.stop, postgresql_server.start)
    before(quick, bulk_sql.Bulk, "insert", trouble.begin, 20)
    catch_up(run, trouble, postgresql)
    told(trouble)
    assert trouble.complaints >= COMPLAINTS
    assert dump(postgresql) == undisturbed


def test_another_session_holds_a_row(run, undisturbed, quick, postgresql_server, postgresql):
    name = postgresql.partition("?")[0].rpartition("/")[2]
    with postgresql_server.connection(name) as other:

        def lock() -> None:
            other.execute("BEGIN")
            other.execute("LOCK TABLE job_instance IN ACCESS EXCLUSIVE MODE")

        trouble = Trouble(lock, lambda: other.execute("ROLLBACK"))
        before(quick, store.Store, "commit", trouble.begin, BEGINS)
        catch_up(run, trouble, postgresql)
    told(trouble)
    assert trouble.complaints == COMPLAINTS
    assert dump(postgresql) == undisturbed


def test_a_wrong_database_name_is_no_reason_to_wait(run, postgresql):
    nowhere = postgresql.replace("/stampede", "/nowhere")
    with pytest.raises(SchemaError, match="does not exist") as error:
        session.catch_up(run, Limits(database=60.0), url=nowhere)
    assert error.value.exit_code == 1


def test_no_password_is_ever_shown(run, postgresql):
    secret = "hunter2"
    url = postgresql.replace("bridle@", f"bridle:{secret}@").replace("/stampede", "/nowhere")
    with pytest.raises(SchemaError) as error:
        session.catch_up(run, Limits(), url=url)
    assert secret not in str(error.value)
    assert query(postgresql, "SELECT 1") == [(1,)]
