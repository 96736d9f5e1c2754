"""SIGKILL while a database is taken up or rebuilt: it is the old one or the new one, whole, and goes on from there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, event

from monitord_job.database.dialect import Sqlite
from monitord_job.database.url import database_of
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications import outbox
from monitord_job.recording import ingest
from monitord_job.recording.store import Store
from monitord_job.recording.transactions import Claim
from tests.crash.test_kill_many import killer
from tests.crash.test_kill_points import Patch, steps_of
from tests.support.database import check_sound, dump, query
from tests.support.killed import unsynchronized, warm_up
from tests.support.postgresql import Server
from tests.support.upgraded import KINDS, VERSIONS, Half, Tables, form_of, half_way, tables_of

_THEIR_OWN = ("bridle_schema:", "bridle_fence:")
"""Tables that change when a database is taken up: the version, and whose turn it is to write."""


@pytest.fixture(scope="module", params=[(version, kind) for version in VERSIONS for kind in KINDS], ids=str)
def before(request, tmp_path_factory, postgresql_server: Server) -> Half:
    """A run that the program of that version left half way. Read only: `Place` makes copies."""
    version, kind = request.param
    url = postgresql_server.new_database() if kind == "postgresql" else None
    return half_way(version, kind, tmp_path_factory.mktemp("before"), url)["fan"]


class Place:
    """Where the database of the run lies, as often as one likes as it was before."""

    def __init__(self, before: Half, folder: Path, server: Server) -> None:
        self._before, self._server = before, server
        self._database = before.database
        if isinstance(self._database, Path):
            self._database = shutil.copyfile(self._database, folder / "before.db")
        self.url = ""

    def fresh(self) -> None:
        """The database of before, in a new place if it is a server's."""
        if isinstance(self._database, Path):
            for path in self._before.submit_dir.path.glob(f"{self._before.submit_dir.database.name}*"):
                path.unlink()
            shutil.copyfile(self._database, self._before.submit_dir.database)
            self.url = f"sqlite:///{self._before.submit_dir.database}"
        else:
            self.url = self._server.new_database(self._database)

    @property
    def database(self) -> Path | str:
        return self.url if self._before.url else self._before.submit_dir.database


@pytest.fixture(scope="module")
def place(before, tmp_path_factory, postgresql_server) -> Place:
    place = Place(before, tmp_path_factory.mktemp("place"), postgresql_server)
    place.fresh()
    warm_up(before.submit_dir, place.url)
    return place


def in_child(action: Callable[[], None], patches: Patch | None = None) -> int:
    """What becomes of a process of its own that does this: its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with pytest.MonkeyPatch.context() as patch:
            unsynchronized(patch)
            if patches:
                patches(patch)
            action()
            code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def take_up(before: Half, url: str) -> None:
    """As a monitor does it that begins."""
    claim = Claim(before.submit_dir.wf_uuid or "", "a test")
    with closing(Store(database_of(before.submit_dir, url).url, claim=claim)) as store:
        store.create()


def killed_at_statement(number: int) -> Patch:
    """Die before or after a statement, or before a commit."""

    def patches(_patch: pytest.MonkeyPatch) -> None:
        step = killer(number)
        for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(Engine, name, lambda *_: step())

    return patches


def apart(tables: Tables) -> Tables:
    return {name: rows for name, rows in tables.items() if not name.startswith(_THEIR_OWN)}


class Look(NamedTuple):
    """A database: how its tables are made, their rows, its versions."""

    form: dict[str, object]
    rows: Tables
    versions: list[object]


def looks_like(place: Place, rows: Iterable[str] = ()) -> Look:
    """`rows`: the tables and columns of an earlier look; else all."""
    versions = query(place.database, "SELECT version FROM bridle_schema ORDER BY version")
    return Look(form_of(place.database), apart(tables_of(place.database, rows)), [row[0] for row in versions])


def old_and_new(before: Half, place: Place) -> tuple[Look, Look]:
    """How the database may look."""
    place.fresh()
    old = looks_like(place)
    assert in_child(lambda: take_up(before, place.url)) == 0
    new = looks_like(place, old.rows)
    assert old.form != new.form
    assert old.rows == new.rows
    return old, new


def test_killed_at_any_statement_it_is_the_old_one_or_the_new_one(before, place):
    old, new = old_and_new(before, place)
    place.fresh()
    seen: list[bool] = []
    while (code := in_child(lambda: take_up(before, place.url), killed_at_statement(len(seen) + 1))) != 0:
        assert code == -signal.SIGKILL
        now = looks_like(place, old.rows)
        assert now in (old, new), len(seen)
        seen.append(now == new)
        if now == new:  # else the next one begins with what this one left
            assert in_child(lambda: take_up(before, place.url)) == 0
            assert looks_like(place, old.rows) == new
            place.fresh()
    assert looks_like(place, old.rows) == new
    assert len(seen) > 20
    assert seen == sorted(seen), "from some statement on it is the new one"
    assert {*seen} == {False, True}
    if isinstance(place.database, Path):
        check_sound(place.database)


def test_statements_that_commit_one_by_one_would_be_found_out(before, place):
    if before.url:
        return
    whole = old_and_new(before, place)

    def begin_nothing(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Sqlite, "_begin", staticmethod(lambda _connection: None))

    torn = 0
    for step in range(1, 60):
        place.fresh()

        def patches(patch: pytest.MonkeyPatch, step: int = step) -> None:
            begin_nothing(patch)
            killed_at_statement(step)(patch)

        in_child(lambda: take_up(before, place.url), patches)
        torn += looks_like(place, whole[0].rows) not in whole
    assert torn


def catch_up(before: Half, url: str) -> None:
    session.catch_up(before.submit_dir, Limits(database=0.0), url=url, notify=False)


def small_turns(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ingest, "TURN_BYTES", 500)


def test_killed_at_any_step_of_the_rest_the_run_ends_as_if_undisturbed(before, place):
    place.fresh()
    assert in_child(lambda: catch_up(before, place.url), small_turns) == 0
    undisturbed = dump(place.database)
    step = 1
    while True:
        place.fresh()

        def patches(patch: pytest.MonkeyPatch, step: int = step) -> None:
            small_turns(patch)
            steps_of(patch, killer(step))

        code = in_child(lambda: catch_up(before, place.url), patches)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert in_child(lambda: catch_up(before, place.url), small_turns) == 0
        assert dump(place.database) == undisturbed, step
        step += 5 if before.url is None else 23
    assert step > 50


def rebuild(before: Half, url: str) -> None:
    session.rebuild(before.submit_dir, Limits(database=0.0), url=url if before.url else None)


def fates(place: Place) -> dict[object, object]:
    rows = query(
        place.database, "SELECT key, state, tries, number, argv, started, ended FROM bridle_notification"
    )
    return {row[0]: row[1:] for row in rows}


def test_killed_in_a_rebuild_all_that_is_due_and_was_delivered_is_kept(before, place):
    place.fresh()
    recorded = fates(place)
    assert in_child(lambda: rebuild(before, place.url)) == 0
    rebuilt, rows = fates(place), dump(place.database)
    assert recorded.items() <= rebuilt.items()
    assert recorded.keys() != rebuilt.keys(), "what the logs hold beyond the database is due"
    step, old = 1, 0
    while True:
        place.fresh()

        def patches(patch: pytest.MonkeyPatch, step: int = step) -> None:
            act = killer(step)
            steps_of(patch, act)
            for owner, name in ((outbox, "copy"), (session, "replace_database"), (Store, "give_way_to")):
                whole = getattr(owner, name)
                patch.setattr(owner, name, lambda *args, whole=whole: (act(), whole(*args), act())[1])

        code = in_child(lambda: rebuild(before, place.url), patches)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        now = fates(place)
        assert recorded.items() <= now.items(), step
        old += now.keys() == recorded.keys()
        assert in_child(lambda: rebuild(before, place.url)) == 0
        assert fates(place) == rebuilt, step
        assert dump(place.database) == rows, step
        step += 7 if before.url is None else 29
    assert step > 50
    assert old
    assert [path.name for path in before.submit_dir.path.glob("*.rebuild-*")] == []
