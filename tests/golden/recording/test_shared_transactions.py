"""What many sub-workflows bring at one look is stored by one transaction: all of it, and no part of it apart."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.errors import TryAgainError
from monitord_job.event_stream.feed import EventFeed
from monitord_job.event_stream.netlogger import BpEvent
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.recording import transactions
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Changes, Store, sqlite_url
from monitord_job.recording.transactions import Claim
from tests.crash.test_kill_points import KILLED, steps_of
from tests.support.database import check_sound, dump, query
from tests.support.killed import unsynchronized
from tests.support.siblings import make_siblings

NUMBER = 6
FIRST, LINES = 4, 5
"""Of each sub-workflow: those that are there at first, and those that come while it is followed. One more is the last.
"""
STATES = "SELECT count(*) FROM jobstate"
TURNS = "SELECT token FROM bridle_fence"


class Growing:
    """A run whose sub-workflows have some lines more to come, and whoever keeps its database."""

    def __init__(self, folder: Path, number: int = NUMBER) -> None:
        self.submit_dir = make_siblings(folder, number, at_once=number)
        logs = sorted(folder.glob("s*/below.bridle.jobstate.log"))
        self._whole = {log: log.read_bytes().splitlines(keepends=True) for log in logs}
        self._root = self.submit_dir.jobstate_log.read_bytes().splitlines(keepends=True)
        self.begin()

    def begin(self) -> None:
        """All of them are at work, and nothing of it is stored."""
        for file in self.submit_dir.path.glob(f"{self.submit_dir.database.name}*"):
            file.unlink()
        self.submit_dir.jobstate_log.write_bytes(b"".join(self._root[: 1 + 2 * len(self._whole)]))
        self._write(slice(FIRST))

    def _write(self, lines: slice) -> None:
        for log, whole in self._whole.items():
            log.write_bytes(b"".join(whole[lines]))

    def grow(self) -> None:
        """Let each sub-workflow write what it has to say, but its last line."""
        self._write(slice(FIRST + LINES))

    def end(self) -> None:
        """Let all of them end, and the root."""
        self._write(slice(None))
        self.submit_dir.jobstate_log.write_bytes(b"".join(self._root))

    def store(self, feed: EventFeed | None = None) -> Store:
        """Its database, for one who has the right to write it."""
        claim = Claim(self.submit_dir.wf_uuid or "", "a test")
        return Store(sqlite_url(self.submit_dir.database), feed, claim)


@pytest.fixture(autouse=True)
def _no_look_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine, too."""
    monkeypatch.setattr(transactions, "_LONGEST", 600.0)


@pytest.fixture
def growing(work_dir) -> Growing:
    return Growing(work_dir / "run")


@pytest.fixture
def store(growing) -> Iterator[Store]:
    with closing(growing.store()) as opened:
        yield opened


@pytest.fixture
def hierarchy(growing, store) -> Hierarchy:
    return following(growing.submit_dir, store)


def following(submit_dir: SubmitDir, store: Store) -> Hierarchy:
    """At the end of the logs, as a monitor that waits."""
    hierarchy = Hierarchy(submit_dir, store)
    hierarchy.open()
    to_the_end(hierarchy)
    return hierarchy


def to_the_end(hierarchy: Hierarchy) -> None:
    while (progress := hierarchy.step()).lines or not progress.at_end:
        pass


def value(submit_dir: SubmitDir, question: str) -> int:
    ((found,),) = query(submit_dir.database, question)
    assert isinstance(found, int)
    return found


def test_one_look_is_one_transaction(growing, hierarchy):
    states, turns = value(growing.submit_dir, STATES), value(growing.submit_dir, TURNS)
    growing.grow()
    assert hierarchy.step().lines == LINES * NUMBER
    assert value(growing.submit_dir, STATES) > states
    assert value(growing.submit_dir, TURNS) == turns + 1
    assert hierarchy.step().lines == 0
    assert value(growing.submit_dir, TURNS) == turns + 1, "nothing new takes no transaction"


def test_a_look_that_takes_long_lets_others_write_in_between(growing, hierarchy, monkeypatch):
    turns = value(growing.submit_dir, TURNS)
    monkeypatch.setattr(transactions, "_LONGEST", 0.0)
    growing.grow()
    hierarchy.step()
    assert value(growing.submit_dir, TURNS) == turns + NUMBER


def test_one_that_cannot_be_stored_does_not_hold_back_those_before_it(growing, hierarchy, monkeypatch):
    commit, refused = Store.commit, []

    def refusing(self: Store, wf_uuid: str, changes: Changes) -> None:
        if wf_uuid == refused[0]:
            raise TryAgainError("s0003", "it cannot be stored", "wait")
        commit(self, wf_uuid, changes)

    of_fourth = "SELECT wf_uuid FROM workflow WHERE submit_dir LIKE '%/s0003'"
    refused.append(query(growing.submit_dir.database, of_fourth)[0][0])
    states = value(growing.submit_dir, STATES)
    monkeypatch.setattr(Store, "commit", refusing)
    growing.grow()
    with pytest.raises(TryAgainError):
        hierarchy.step()
    assert value(growing.submit_dir, STATES) == states, "it is one transaction"
    hierarchy.open()
    with pytest.raises(TryAgainError):
        hierarchy.step()
    assert value(growing.submit_dir, STATES) == states + 3 * LINES
    monkeypatch.undo()
    hierarchy.open()
    growing.end()
    to_the_end(hierarchy)
    assert_same_as_undisturbed(growing)


def assert_same_as_undisturbed(growing: Growing) -> None:
    disturbed = dump(growing.submit_dir.database)
    growing.submit_dir.database.unlink()
    catch_up(growing.submit_dir, Limits())
    assert dump(growing.submit_dir.database) == disturbed


def test_events_are_written_out_once_their_rows_are_committed(growing):
    class Outlet:
        def __init__(self) -> None:
            self.committed: list[int] = []

        def write(self, events: list[BpEvent]) -> None:
            self.committed += [value(growing.submit_dir, STATES)] * len(events)

    outlet = Outlet()
    feed = EventFeed(growing.submit_dir.wf_uuid or "", outlet)
    with closing(growing.store(feed)) as store:
        hierarchy = following(growing.submit_dir, store)
        states, turns = value(growing.submit_dir, STATES), value(growing.submit_dir, TURNS)
        outlet.committed.clear()
        hierarchy.step()
        assert value(growing.submit_dir, TURNS) == turns, "nothing new takes no transaction"
        growing.grow()
        hierarchy.step()
        assert len(outlet.committed) >= LINES * NUMBER
        assert set(outlet.committed) == {value(growing.submit_dir, STATES)} != {states}


def killed(growing: Growing, kill_at: int) -> bool:
    """Follow in a process of its own, which dies at a step of the look at what has grown; whether it came to that."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    code = 1
    try:
        store = growing.store()
        hierarchy = following(growing.submit_dir, store)
        growing.grow()
        count = 0

        def step() -> None:
            nonlocal count
            count += 1
            if count == kill_at:
                os._exit(KILLED)

        with pytest.MonkeyPatch.context() as patch:
            steps_of(patch, step)
            hierarchy.step()
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


@pytest.mark.timeout(1200)  # two processes for each step
def test_killed_at_any_step_it_is_stored_as_a_whole_or_not_at_all(work_dir, monkeypatch):
    unsynchronized(monkeypatch)
    growing = Growing(work_dir / "run", 2)
    catch_up(growing.submit_dir, Limits())
    before, begun = value(growing.submit_dir, STATES), growing.submit_dir.database.read_bytes()
    growing.end()
    catch_up(growing.submit_dir, Limits())
    undisturbed = dump(growing.submit_dir.database)
    found = []
    while True:
        growing.begin()
        growing.submit_dir.database.write_bytes(begun)
        was_killed = killed(growing, len(found) + 1)
        found.append(value(growing.submit_dir, STATES))
        if not was_killed:
            break
        growing.end()
        catch_up(growing.submit_dir, Limits())
        check_sound(growing.submit_dir.database)
        assert dump(growing.submit_dir.database) == undisturbed
    assert set(found) == {before, before + 2 * LINES}
    assert len(found) > 20
