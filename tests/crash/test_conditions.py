"""What may happen to a monitor at work: it stays, and rows and notifications are as of an undisturbed run."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from condor_templates.exit_codes import ExitCode
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.writing.row_writer import RowWriter
from monitord_job.monitor import session, trouble
from monitord_job.monitor.limits import Limits
from planner_ext.cli import run_command
from tests.golden.recording.test_logs_read_anew import Follower, outbox
from tests.support.database import Rows, check_sound, dump, query
from tests.support.notified import Hook
from tests.support.postgresql import Server
from tests.support.recorded import with_dagmans_own_log
from tests.support.rules import write_rules
from tests.support.runs import until

pytestmark = pytest.mark.own
RUN = "recorded/failing-condorio"
COMPLAINTS = 3
RULES = "JOB * all {hook} each\nWORKFLOW * all {hook} workflow\nJOB * retry {hook} retry\n"
Action = Callable[[], Any]


class Warnings(logging.Handler):
    """What a monitor complains of."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []
        self.complaints = 0
        """How often it was to be tried again; of one reason only the first is a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        self.complaints += "(again in" in record.getMessage()
        if record.levelno >= logging.WARNING:
            self.said.append(record.getMessage())


class Live:
    """A monitor that follows a log which grows; in the middle of it, something happens."""

    def __init__(self, run: SubmitDir, hook: Hook, url: str | None = None) -> None:
        self.run, self.hook, self.url = run, hook, url
        self.database: Path | str = url or run.database
        whole = run.jobstate_log.read_bytes().splitlines(keepends=True)
        cuts = [0, len(whole) // 3, len(whole) // 2, 2 * len(whole) // 3, len(whole)]
        self._parts = [b"".join(whole[a:b]) for a, b in pairwise(cuts)]
        self.warnings = Warnings()
        self.early: Action = lambda: None
        self._failure: BaseException | None = None

    def meets(self, begin: Action, mend: Action | None = None) -> None:
        """Follow the run; `begin` it in the middle, and `mend` it when the monitor has complained some times."""
        self.run.jobstate_log.write_bytes(b"")
        player = threading.Thread(target=self._play, args=(begin, mend))
        log = logging.getLogger("bridle.monitor")
        level = log.level
        log.addHandler(self.warnings)
        log.setLevel(logging.INFO)
        player.start()
        try:
            session.follow_run(self.run, Limits(poll=0.05, database=90.0), 0.0, self.url, notify=True)
        finally:
            player.join(120)
            log.removeHandler(self.warnings)
            log.setLevel(level)
        if self._failure is not None:
            raise self._failure

    def _play(self, begin: Action, mend: Action | None) -> None:
        try:
            first, second, third, rest = self._parts
            self._say(first)
            until(self._is_stored, "the first part is stored and told", limit=240)
            self.early()
            self._say(second)
            until(self._is_stored, "the second part is stored and told", limit=240)
            begin()
            self._say(third)
            if mend is not None:
                until(lambda: self.warnings.complaints >= COMPLAINTS, "it complains", limit=240)
                mend()
        except BaseException as error:
            self._failure = error
            error.add_note(f"{getattr(self, 'last', None)} {self.warnings.said}")
        finally:
            with suppress(NameError):
                self._say(rest)

    def _say(self, part: bytes) -> None:
        with self.run.jobstate_log.open("ab") as log:
            log.write(part)

    def _is_stored(self) -> bool:
        size = self.run.jobstate_log.stat().st_size
        name = self.run.jobstate_log.name
        try:
            read = query(self.database, f"SELECT \"offset\" FROM bridle_cursor WHERE file = '{name}'")
            states = query(self.database, "SELECT DISTINCT state FROM bridle_notification")
        except (sqlite3.Error, psycopg.Error):
            return False
        self.last = (size, read, states)
        return read == [(size,)] and states == [("delivered",)]


@pytest.fixture
def run(fresh_corpus) -> SubmitDir:
    """The first of its two runs: a monitor that follows leaves with it."""
    found = with_dagmans_own_log(fresh_corpus(RUN)).submit_dir
    found.dagman_log.unlink(missing_ok=True)  # which says that its DAGMan is gone
    log = found.jobstate_log.read_bytes()
    found.jobstate_log.write_bytes(log[: log.index(b"\n", log.index(b"DAGMAN_FINISHED")) + 1])
    return found


@pytest.fixture
def hook(run: SubmitDir, work_dir: Path) -> Hook:
    found = Hook(work_dir)
    write_rules(run.notify, "")
    write_rules(run.bridle_notify, RULES.format(hook=found.path))
    return found


@pytest.fixture
def undisturbed(run: SubmitDir, hook: Hook, work_dir: Path) -> tuple[dict[str, Rows], Rows]:
    place = work_dir / "undisturbed.db"
    with closing(Follower(run, f"sqlite:///{place}")) as follower:
        follower.to_the_end()
    return dump(place), outbox(place)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "_LONGEST_WAIT", 0.2)


def whole(live: Live, undisturbed: tuple[dict[str, Rows], Rows]) -> None:
    """The rows are those of an undisturbed run, and each notification was delivered, once."""
    rows, due = undisturbed
    now = dump(live.database)
    for table in rows:
        assert now[table] == rows[table], table
    assert outbox(live.database) == due
    told = Counter(key for key, *_ in live.hook.runs())
    assert told == {key: 1 for key, *_ in due}


# SQLite.


@pytest.fixture
def live(run: SubmitDir, hook: Hook, undisturbed: object) -> Live:
    return Live(run, hook)


def execute(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database, timeout=60)) as file, file:
        for statement in statements:
            file.execute(statement)


def overwrite(file: Path, data: bytes) -> None:
    """In place, as cp does it."""
    with file.open("r+b") as stream:
        stream.write(data)
        stream.truncate()


def drop_all(database: Path) -> None:
    names = query(
        database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    execute(database, "PRAGMA foreign_keys = OFF", *(f"DROP TABLE {name}" for (name,) in names))


BREAKS: dict[str, Callable[[Path], object]] = {
    "emptied": lambda file: overwrite(file, b""),
    "cut": lambda file: overwrite(file, file.read_bytes()[:20_000]),
    "no-database": lambda file: overwrite(file, b"no database at all\n" * 5000),
    "replaced": lambda file: Path(shutil.copyfile(__file__, f"{file}.new")).replace(file),
    "removed": lambda file: file.unlink(),
    "table-dropped": lambda file: execute(file, "DROP TABLE jobstate"),
    "outbox-dropped": lambda file: execute(file, "DROP TABLE bridle_notification"),
    "versions-dropped": lambda file: execute(file, "DROP TABLE bridle_schema"),
    "all-dropped": drop_all,
    "column-dropped": lambda file: execute(file, "ALTER TABLE jobstate DROP COLUMN reason"),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_database_that_was_broken_is_made_anew(live, undisturbed, how):
    live.meets(lambda: BREAKS[how](live.run.database))
    whole(live, undisturbed)
    check_sound(live.run.database)


@pytest.mark.parametrize("in_place", [True, False], ids=["in-place", "moved"])
def test_an_older_copy_is_taken_up(live, undisturbed, work_dir, in_place):
    copy = work_dir / "copy.db"
    live.early = lambda: shutil.copyfile(live.run.database, copy)

    def put_back() -> None:
        if in_place:
            overwrite(live.run.database, copy.read_bytes())
        else:
            copy.replace(live.run.database)

    live.meets(put_back)
    whole(live, undisturbed)
    check_sound(live.run.database)


def test_the_broken_file_is_kept_aside_and_one_line_says_so(live, undisturbed):
    live.meets(lambda: execute(live.run.database, "DROP TABLE invocation"))
    (aside,) = live.run.path.glob(f"{live.run.database.name}.aside-*")
    assert query(aside, "SELECT count(*) FROM jobstate") != [(0,)]
    assert len([line for line in live.warnings.said if "it is made anew" in line]) == 1
    assert len([line for line in live.warnings.said if str(aside) in line]) == 1


def failing(monkeypatch: pytest.MonkeyPatch, times: float) -> Action:
    """A defect in our own code, from now on."""
    write, left = RowWriter.write, times

    def defective(*args: Any) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise KeyError("a defect")
        write(*args)

    return lambda: monkeypatch.setattr(RowWriter, "write", defective)


def test_a_defect_that_passes_costs_nothing(live, undisturbed, monkeypatch):
    live.meets(failing(monkeypatch, 2))
    whole(live, undisturbed)
    assert any("internal error at test_conditions.py:" in line for line in live.warnings.said)


def test_a_defect_that_stays_ends_it_to_be_started_again(run, monkeypatch):
    failing(monkeypatch, float("inf"))()
    assert run_command(["monitord", "--database-wait", "1", str(run.path)]) == 70
    monkeypatch.undo()
    assert run_command(["monitord", str(run.path)]) == 0


def test_logs_that_lack_what_is_stored_take_nothing_away(run, hook):
    session.catch_up(run, Limits())
    before = dump(run.database)
    run.jobstate_log.write_bytes(run.jobstate_log.read_bytes()[:500].rpartition(b"\n")[0] + b"\n")
    execute(run.database, "ALTER TABLE bridle_quarantine DROP COLUMN text")
    assert run_command(["monitord", "--database-wait", "1", str(run.path)]) == 75
    assert dump(run.database) == before


@pytest.mark.second_user
def test_a_lock_of_somebody_else_gives_way(run, hook, undisturbed):
    run.lock.write_text("")
    run.lock.chmod(0o600)
    os.chown(run.lock, 12345, 12345)
    command = [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
    ]
    bridle = Path(os.sys.executable).with_name("bridle")  # type: ignore[attr-defined]
    done = subprocess.run(
        [*command, str(bridle), "monitord", str(run.path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert dump(run.database) == undisturbed[0]


def test_a_lock_that_is_a_link_gives_way_and_nothing_is_followed(run, undisturbed, work_dir):
    other = work_dir / "precious"
    other.write_text("precious")
    run.lock.unlink(missing_ok=True)
    run.lock.symlink_to(other)
    assert run_command(["monitord", str(run.path)]) == 0
    assert other.read_text() == "precious"
    assert dump(run.database) == undisturbed[0]


# PostgreSQL.


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def on_server(run: SubmitDir, hook: Hook, undisturbed: object, postgresql: str) -> Live:
    return Live(run, hook, postgresql)


def administer(server: Server, url: str, *statements: str) -> None:
    with server.connection() as connection:
        for statement in statements:
            connection.execute(statement.format(name_of(url)))
    server.cut_off(name_of(url))


def test_postgresql_is_read_only_for_a_while(on_server, undisturbed, postgresql_server, postgresql):
    setting = "ALTER DATABASE {} SET default_transaction_read_only = "
    on_server.meets(
        lambda: administer(postgresql_server, postgresql, setting + "on"),
        lambda: administer(postgresql_server, postgresql, setting + "off"),
    )
    whole(on_server, undisturbed)
    assert any("read-only" in line for line in on_server.warnings.said)


def test_a_database_of_postgresql_is_missing_for_a_while(
    on_server, undisturbed, postgresql_server, postgresql
):
    name = name_of(postgresql)

    def away() -> None:
        with postgresql_server.connection() as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgresql_server.cut_off(name)
            connection.execute(f"ALTER DATABASE {name} RENAME TO {name}_away")

    on_server.meets(
        away,
        lambda: administer(
            postgresql_server,
            postgresql,
            "ALTER DATABASE {0}_away RENAME TO {0}",
            "ALTER DATABASE {0} ALLOW_CONNECTIONS true",
        ),
    )
    whole(on_server, undisturbed)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE jobstate",
        "DROP TABLE bridle_notification",
        "DROP TABLE bridle_schema",
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
        "ALTER TABLE jobstate DROP COLUMN reason",
        "ALTER TABLE bridle_node DROP COLUMN seq",
    ],
)
def test_what_is_missing_in_postgresql_is_made_anew(on_server, undisturbed, postgresql, statement):
    def break_it() -> None:
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute(statement)

    on_server.meets(break_it)
    whole(on_server, undisturbed)


def test_a_database_of_sql_ascii_is_as_good_as_any(run, hook, undisturbed, postgresql_server, postgresql):
    with postgresql_server.connection() as connection:
        connection.execute(
            f"CREATE DATABASE {name_of(postgresql)}_ascii ENCODING 'SQL_ASCII' TEMPLATE template0"
        )
    url = postgresql.replace(name_of(postgresql), f"{name_of(postgresql)}_ascii")
    live = Live(run, hook, url)
    live.database = f"{url}&client_encoding=UTF8"
    live.meets(lambda: None)
    whole(live, undisturbed)


def nothing(place: Path) -> Path:
    return place / "gone"


def an_empty_mount_point(place: Path) -> Path:
    return place


def a_plan_without_its_dag(place: Path) -> Path:
    (place / "braindump.yml").write_text("dag: x.dag\nwf_uuid: 7\n")
    return place


def another_directory(place: Path) -> Path:
    (place / "thesis.tex").write_text("")
    return place


def another_file(place: Path) -> Path:
    (place / "thesis.tex").write_text("")
    return place / "thesis.tex"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (nothing, ExitCode.TRY_AGAIN),
        (an_empty_mount_point, ExitCode.TRY_AGAIN),
        (a_plan_without_its_dag, ExitCode.TRY_AGAIN),
        (another_directory, ExitCode.FAILED),
        (another_file, ExitCode.FAILED),
    ],
)
def test_only_what_is_there_and_is_no_run_ends_the_monitor_for_good(tmp_path, make, code):
    assert run_command(["monitord", "--follow", str(make(tmp_path))]) == code


def test_a_directory_that_cannot_be_read_may_be_readable_again(tmp_path, monkeypatch):
    def stale(*_: object) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Path, "stat", stale)
    assert run_command(["monitord", "--follow", str(tmp_path)]) == ExitCode.TRY_AGAIN
