"""SIGKILL at every step: whatever was stored, a restart completes it to what an undisturbed run gives."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.database import bulk_sql
from monitord_job.database.writing import row_writer
from monitord_job.event_stream import feed, sink
from monitord_job.event_stream.netlogger import BpFormat
from monitord_job.logs import tail
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.recording import ingest, job_files, job_logs, plan_rows, store, stored_workflow
from tests.support.database import Rows, check_sound, dump
from tests.support.killed import unsynchronized, warm_up
from tests.support.recorded import prepare

KILLED = 9
Patch = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory) -> SubmitDir:
    """A small real run, nothing of it stored yet."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(corpus("recorded/diamond-condorio"), folder / "run", symlinks=True)
    submit_dir = prepare(folder / "run").submit_dir
    warm_up(submit_dir)
    fresh_database(submit_dir)
    return submit_dir


def steps_of(patch: pytest.MonkeyPatch, step: Callable[[], None]) -> None:
    """Call `step` before and after each thing that touches a file or the database."""

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            step()
            result = function(*args, **kwargs)
            step()
            return result

        return stepping

    for module, name in [
        (ingest, "read_new_lines"),
        (job_logs, "read_new_lines"),
        (plan_rows, "read_new_lines"),
        (row_writer.RowWriter, "write"),
        (bulk_sql.Bulk, "insert"),
        (store.Store, "create"),
        (store.Store, "commit"),
        (stored_workflow.StoredWorkflow, "state"),
        (job_files.JobFileReader, "read"),
        (sink.EventFile, "write"),
        (store.Store, "send_events"),
    ]:
        patch.setattr(module, name, around(getattr(module, name)))


def in_child(
    submit_dir: SubmitDir,
    kill_at: int | None,
    mutate: Patch | None = None,
    url: str | None = None,
    events: Path | None = None,
) -> int:
    """Catch up in a process of its own that dies without a word at its step `kill_at`; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest, "TURN_BYTES", 1500)
            patch.setattr(job_logs, "_NODES_LOG_BYTES", 3000)
            unsynchronized(patch)
            if mutate:
                mutate(patch)
            count = 0

            def step() -> None:
                nonlocal count
                count += 1
                if count == kill_at:
                    os._exit(KILLED)

            steps_of(patch, step)
            outlet = None if events is None else sink.EventFile(str(events), BpFormat.BP)
            session.catch_up(submit_dir, Limits(database=0.0), url=url, events=outlet)
            code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def fresh_database(submit_dir: SubmitDir) -> None:
    """Take away what an earlier attempt stored."""
    for path in submit_dir.path.glob(f"{submit_dir.database.name}*"):
        path.unlink()


def killed_everywhere(submit_dir: SubmitDir, mutate: Patch | None = None) -> Iterator[dict[str, Rows]]:
    """The final database for each step at which the first attempt was killed."""
    kill_at = 0
    while True:
        kill_at += 1
        fresh_database(submit_dir)
        first = in_child(submit_dir, kill_at, mutate)
        assert first in (0, KILLED)
        if first == 0:
            return
        assert in_child(submit_dir, None, mutate) == 0
        check_sound(submit_dir.database)
        yield dump(submit_dir.database)


@pytest.mark.timeout(1200)  # some hundred kills, on a machine with other work
def test_killed_at_any_step_the_database_ends_as_if_undisturbed(run):
    assert in_child(run, None) == 0
    undisturbed = dump(run.database)
    same = [final == undisturbed for final in killed_everywhere(run)]
    assert len(same) > 100
    assert [number for number, as_expected in enumerate(same, 1) if not as_expected] == []


@pytest.mark.timeout(1200)  # some hundred kills, on a machine with other work
def test_killed_beside_postgresql_it_ends_as_if_undisturbed(run, postgresql_server):
    warm_up(run, postgresql_server.new_database())
    url = postgresql_server.new_database()
    assert in_child(run, None, url=url) == 0
    undisturbed = dump(url)
    kill_at, wrong = 1, []
    while True:
        postgresql_server.empty(url)
        first = in_child(run, kill_at, url=url)
        assert first in (0, KILLED)
        if first == 0:
            break
        assert in_child(run, None, url=url) == 0
        if dump(url) != undisturbed:
            wrong.append(kill_at)
        # Every step on SQLite, above; here some of each kind, for no kind comes in threes.
        kill_at += 3
    assert kill_at > 100
    assert wrong == []


def test_killed_again_and_again_it_still_gets_there(run):
    fresh_database(run)
    assert in_child(run, None) == 0
    undisturbed = dump(run.database)
    fresh_database(run)
    # Each attempt gets one step further than the last; none before the last gets to the end.
    attempts = 1
    while in_child(run, 7 + attempts) == KILLED:
        attempts += 1
    assert attempts > 10
    assert dump(run.database) == undisturbed


def cursors_apart(patch: pytest.MonkeyPatch) -> None:
    """A store that commits how far it has read before, and apart from, what it read."""
    whole = store.Store.commit

    def commit(self: store.Store, wf_uuid: str, changes: store.Changes) -> None:
        if changes.turn is not None:
            whole(self, wf_uuid, store.Changes([], changes.cursors))
        whole(self, wf_uuid, changes)

    patch.setattr(store.Store, "commit", commit)


def test_a_store_that_commits_cursors_apart_from_rows_would_be_found_out(run):
    fresh_database(run)
    assert in_child(run, None) == 0
    undisturbed = dump(run.database)
    assert any(final != undisturbed for final in killed_everywhere(run, cursors_apart))


def events_in(path: Path) -> list[bytes]:
    """The lines of an events file as they came first; one that is not whole fails."""
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    return list(dict.fromkeys(lines))


def undisturbed_events(run: SubmitDir, path: Path) -> list[bytes]:
    """All events of the run."""
    fresh_database(run)
    assert in_child(run, None, events=path) == 0
    return events_in(path)


def test_killed_at_any_step_no_event_is_missing(run, work_dir):
    path = work_dir / "events.bp"
    undisturbed = undisturbed_events(run, path)
    assert len(undisturbed) > 200
    wrong, kill_at, ended = [], 0, False
    while not ended:
        kill_at += 61  # all steps take too long here; a prime, so that all kinds of steps are hit
        fresh_database(run)
        path.unlink()
        ended = in_child(run, kill_at, events=path) == 0
        assert in_child(run, None, events=path) == 0
        if events_in(path) != undisturbed:
            wrong.append(kill_at)
    assert kill_at > 100
    assert wrong == []


def cut_write(number: int, part: float) -> Patch:
    """SIGKILL in the middle of a write."""

    def patch_it(patch: pytest.MonkeyPatch) -> None:
        whole, count = sink.EventFile._write_all, 0

        def write(self: sink.EventFile, data: bytes) -> None:
            nonlocal count
            count += 1
            whole(self, data[: int(len(data) * part)] if count == number else data)
            if count == number:
                os._exit(KILLED)

        patch.setattr(sink.EventFile, "_write_all", write)

    return patch_it


def test_killed_within_a_write_every_line_is_whole(run, work_dir):
    path = work_dir / "events.bp"
    undisturbed = undisturbed_events(run, path)
    for number in (1, 2, 4):
        for part in (0.01, 0.99):
            fresh_database(run)
            path.unlink()
            assert in_child(run, None, cut_write(number, part), events=path) == KILLED
            assert in_child(run, None, events=path) == 0
            assert events_in(path) == undisturbed


def no_outbox(patch: pytest.MonkeyPatch) -> None:
    """A feed that forgets at a restart what was committed and not yet written out."""
    whole = feed.EventFeed.send

    def send(self: feed.EventFeed, outbox: bulk_sql.Bulk) -> bool:
        if not self._is_asked_for:
            outbox.run("DELETE FROM bridle_event WHERE number > ?", [(0,)])
        return whole(self, outbox)

    patch.setattr(feed.EventFeed, "send", send)


def test_a_feed_without_an_outbox_would_be_found_out(run, work_dir):
    path = work_dir / "events.bp"
    undisturbed = undisturbed_events(run, path)
    fresh_database(run)
    path.unlink()
    assert in_child(run, None, cut_write(2, 0.0), events=path) == KILLED
    assert in_child(run, None, no_outbox, events=path) == 0
    assert events_in(path) != undisturbed


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut anywhere, also within a line."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [37, 1024])
def test_logs_that_grow_by_pieces_give_the_same_rows(run, work_dir, size):
    fresh_database(run)
    assert in_child(run, None) == 0
    growing = open_submit_dir(Path(shutil.copytree(run.path, work_dir / "growing")))
    fresh_database(growing)
    logs = [growing.jobstate_log, growing.nodes_log]
    whole = [log.read_bytes() for log in logs]
    for log in logs:
        log.write_bytes(b"")
    # DAGMan reads the nodes.log before it writes the JOBSTATE_LOG, so that one is never behind.
    growing.nodes_log.write_bytes(whole[1])
    with store_of(growing) as written:
        reader = ingest.Ingest(growing, written)
        reader.open()
        for piece in pieces(whole[0], size):
            with growing.jobstate_log.open("ab") as stream:
                stream.write(piece)
            reader.step()
        while reader.step().lines:
            pass
    assert dump(growing.database) == dump(run.database)


def store_of(submit_dir: SubmitDir) -> Any:
    """The submit directory's database, closed at the end."""
    return closing(store.Store(store.sqlite_url(submit_dir.database)))


def test_a_cut_log_is_read_anew_and_the_loss_is_named(run, work_dir):
    copy = open_submit_dir(Path(shutil.copytree(run.path, work_dir / "cut")))
    fresh_database(copy)
    with store_of(copy) as written:
        reader = ingest.Ingest(copy, written)
        reader.open()
        while reader.step().lines:
            pass
        copy.nodes_log.write_bytes(b"")
        cursor = tail.Cursor(10_000, "0" * 32)
        reading = tail.read_new_lines(copy.jobstate_log, cursor)
    assert reading.replaced
    assert reading.lines[0].endswith(b"***")
