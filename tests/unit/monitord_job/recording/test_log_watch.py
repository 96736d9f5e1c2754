"""What the kernel says of quiet logs: once of each that has changed, whatever has changed it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitord_job.recording import log_watch
from monitord_job.recording.log_watch import LogWatch


@pytest.fixture(autouse=True)
def is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the tests run on is a file system of this machine."""
    monkeypatch.setattr(LogWatch, "_is_local", lambda *_: True)


@pytest.fixture
def watch() -> Iterator[LogWatch[str]]:
    with closing(LogWatch[str]()) as opened:
        yield opened


@pytest.fixture
def logs(work_dir: Path) -> list[Path]:
    """Three logs, in folders whose names nobody would choose."""
    found = [work_dir / f"é a\n{number}" / "below.log" for number in range(3)]
    for log in found:
        log.parent.mkdir()
        log.write_bytes(b"a line\n")
    return found


def append(log: Path) -> None:
    with log.open("ab") as stream:
        stream.write(b"another\n")


def replace(log: Path) -> None:
    log.with_suffix(".new").write_bytes(b"b line\n")
    log.with_suffix(".new").replace(log)


@pytest.mark.parametrize(
    "change",
    [
        append,
        replace,
        Path.unlink,
        Path.touch,
        lambda log: log.rename(log.with_suffix(".old")),
        lambda log: os.truncate(log, 0),
    ],
    ids=["grown", "replaced", "removed", "touched", "renamed", "emptied"],
)
def test_each_that_has_changed_is_told_of_once(watch, logs, change: Callable[[Path], object]):
    assert all(watch.add(log.parent.name, log) for log in logs)
    assert watch.changed() == []
    change(logs[1])
    assert watch.changed() == [logs[1].parent.name]
    assert watch.items() == [logs[0].parent.name, logs[2].parent.name]
    for log in (logs[0], logs[2]):
        append(log)
        append(log)
    assert sorted(watch.changed()) == [logs[0].parent.name, logs[2].parent.name]
    assert watch.changed() == watch.items() == []


def test_one_that_was_told_of_can_be_added_again(watch, logs):
    for _ in range(3):
        assert watch.add("a", logs[0])
        append(logs[0])
        assert watch.changed() == ["a"]


def test_one_that_was_dropped_is_not_told_of(watch, logs):
    for number, log in enumerate(logs):
        watch.add(str(number), log)
    append(logs[0])
    watch.drop("0")
    watch.drop("1")
    watch.drop("never added")
    append(logs[1])
    assert watch.changed() == []
    assert "1" not in watch
    assert "2" in watch
    watch.clear()
    append(logs[2])
    assert watch.changed() == watch.items() == []


def test_what_cannot_be_heard_is_not_added(watch, logs, monkeypatch):
    assert not watch.add("missing", logs[0].with_name("missing"))
    assert watch.add("a", logs[0])
    os.link(logs[0], logs[0].with_name("another name"))
    watch.changed()
    assert watch.add("a", logs[0])
    assert not watch.add("b", logs[0].with_name("another name"))
    monkeypatch.setattr(LogWatch, "_is_local", lambda *_: False)
    assert not watch.add("on a network file system", logs[1])
    assert watch.items() == ["a"]


def test_where_events_were_lost_all_are_told_of(watch, logs, monkeypatch):
    for number, log in enumerate(logs):
        watch.add(str(number), log)
    said = [log_watch._EVENT.pack(-1, log_watch._OVERFLOW, 0, 0), b""]
    monkeypatch.setattr(watch, "_read", lambda: said.pop(0))
    assert watch.changed() == ["0", "1", "2"]
    assert watch.items() == []


def test_no_queue_is_left_open():
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        LogWatch[str]().close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_system_is_known_by_what_the_system_calls_it(watch, logs, monkeypatch):
    monkeypatch.undo()
    assert not watch._is_local(b"/proc")
    assert not watch._is_local(os.fsencode(logs[0] / "missing"))
    monkeypatch.setattr(log_watch, "_LOCAL", {0x9FA0})
    assert watch._is_local(b"/proc")


def test_a_system_without_it_is_an_error_of_its_own(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    with pytest.raises(OSError, match="no inotify"):
        LogWatch[str]()
