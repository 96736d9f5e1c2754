"""Runs the scripts of notifications in a process of its own: one that hangs, floods or dies does not reach the monitor.

Tasks come in as lines of JSON, results go out as lines of JSON, and into a file first: a monitor that is killed does
not take with it what its scripts have done. When its input ends, the monitor has died or wants to leave: scripts that
still run are ended, for they will be run again. Standard library only: it starts in no time.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_KEPT = 4096
"""Bytes that are kept of the beginning, and as many of the end, of what a script writes."""
_CHUNK = 1 << 16
_AT_ONCE, _TICK = 4, 0.02
"""A script that floods is read at most four chunks in 20 ms (13 MB/s); then its pipe is full, and it waits."""
_STAGGER = 0.01
"""Seconds between two starts when a script for each processor runs already: of quick ones, more at once would only slow
each other, and all of them be run again if the monitor is killed then."""
_NO_PROGRAM, _NOT_EXECUTABLE = 127, 126
"""What a shell's exit code would be."""
_LONGEST_WAIT = 3600.0
_SHORT_OF = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})
_TEMPORARY = 75


class Tail:
    """The beginning and the end of a stream.

    >>> tail = Tail(3)
    >>> tail.add(b"abcdefghij"); tail.add(b"k"); tail.text()
    'abc\\n[5 bytes left out]\\nijk'
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._head = b""
        self._end = b""
        self._size = 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        room = self._kept - len(self._head)
        self._head += data[:room]
        self._end = (self._end + data[room:])[-self._kept :]

    def text(self) -> str:
        """What is kept, with bytes that are no UTF-8, and NULs, shown."""
        left_out = self._size - len(self._head) - len(self._end)
        gap = f"\n[{left_out} bytes left out]\n".encode() if left_out else b""
        data = self._head + gap + self._end
        return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


@dataclass
class Running:
    """A script at work. Times are of the monotonic clock."""

    key: str
    tries: int
    process: subprocess.Popen[bytes]
    began: float
    limit: float
    tails: Mapping[str, Tail] = field(default_factory=lambda: {"stdout": Tail(), "stderr": Tail()})
    budget: int = _AT_ONCE
    cause: str = ""
    kill_at: float | None = None

    def streams(self) -> dict[str, IO[bytes]]:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        return {"stdout": self.process.stdout, "stderr": self.process.stderr}


class ScriptRunner:
    """At most `most` scripts at once, in the order in which the tasks came. Results are appended to `done`, too."""

    def __init__(self, most: int, done: Path) -> None:
        self._most = most
        self._done = done
        self._waiting: deque[dict[str, Any]] = deque()
        self._running: dict[int, Running] = {}
        self._at_once = min(most, os.cpu_count() or 1)
        self._started = 0.0
        self._selector = selectors.DefaultSelector()
        self._paused: list[tuple[Running, str]] = []
        self._input = b""
        self._output = b""
        os.set_blocking(sys.stdout.fileno(), False)
        self._wake, woken = os.pipe()
        for end in (self._wake, woken):
            os.set_blocking(end, False)
        # A child's end interrupts the wait, whatever became of its pipes.
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)

    def run(self) -> None:
        """Until the input ends."""
        while self._turn():
            pass
        self._leave()

    def _turn(self) -> bool:
        for found, _ in self._selector.select(self._wait()):
            if found.fd == self._wake:
                with suppress(BlockingIOError):
                    os.read(self._wake, _CHUNK)
            elif found.fd == sys.stdout.fileno():
                self._tell()
            elif found.fd == sys.stdin.fileno():
                if not self._read_tasks():
                    return False
            else:
                self._drain(*found.data)
        self._reap()
        self._enforce(time.monotonic())
        self._refill()
        while self._waiting and self._room_in() == 0.0:
            self._start(self._waiting.popleft())
            self._reap()
        return True

    def _room_in(self) -> float | None:
        """Seconds until one more may be started; None: when one has ended."""
        # One that its time limit has ended takes nobody's place, however long it takes to go.
        running = sum(job.kill_at is None for job in self._running.values())
        if running < self._at_once:
            return 0.0
        return max(0.0, self._started + _STAGGER - time.monotonic()) if running < self._most else None

    def _wait(self) -> float | None:
        """Seconds until something is to be done even if nothing happens."""
        if self._paused:
            return 0.0  # `_refill` waits
        ends = [job.kill_at or job.began + job.limit for job in self._running.values()]
        room = self._room_in() if self._waiting else None
        if not ends or room is not None:
            return room
        return min(max(0.0, min(ends) - time.monotonic()), _LONGEST_WAIT)

    def _read_tasks(self) -> bool:
        data = os.read(sys.stdin.fileno(), _CHUNK)
        *lines, self._input = (self._input + data).split(b"\n")
        self._waiting.extend(json.loads(line) for line in lines)
        return bool(data)

    def _start(self, task: dict[str, Any]) -> None:
        began = self._started = time.monotonic()
        try:
            process = subprocess.Popen(
                task["argv"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=task["cwd"],
                env={**os.environ, **task["environment"]},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            said = {"stdout": "", "stderr": "", "cause": _cause_of(task, error)}
            code = _code_of(error)
            self._result({"key": task["key"], "tries": task["tries"], "code": code, "seconds": 0.0, **said})
            return
        self._write_down({"key": task["key"], "tries": task["tries"]})
        job = Running(task["key"], task["tries"], process, began, task["limit"])
        self._running[process.pid] = job
        for name, stream in job.streams().items():
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, (job, name))

    def _drain(self, job: Running, name: str) -> None:
        stream = job.streams()[name]
        data = _read(stream)
        if data:
            job.tails[name].add(data)
            job.budget -= 1
        if not data or job.budget <= 0:
            self._selector.unregister(stream)
            if data:
                self._paused.append((job, name))

    def _refill(self) -> None:
        """Read on from those that wrote too much, if their time has come (once a tick)."""
        paused, self._paused = self._paused, []
        for job, name in paused:
            job.budget = _AT_ONCE
            if job.process.returncode is None:
                self._selector.register(job.streams()[name], selectors.EVENT_READ, (job, name))
        if paused:
            time.sleep(_TICK)

    def _reap(self) -> None:
        for pid, job in list(self._running.items()):
            if job.process.poll() is not None:
                del self._running[pid]
                self._finish(job)

    def _finish(self, job: Running) -> None:
        # What it wrote last is there; a daemon that it left behind may hold the pipe for ever.
        for name, stream in job.streams().items():
            for _ in range(_AT_ONCE):
                data = _read(stream)
                if not data:
                    break
                job.tails[name].add(data)
            with suppress(KeyError, ValueError):
                self._selector.unregister(stream)
            stream.close()
        said = {name: tail.text() for name, tail in job.tails.items()}
        if job.cause:
            # Its children may have ignored what ended it.
            _signal_session(job.process.pid, signal.SIGKILL)
        seconds = round(time.monotonic() - job.began, 3)
        ended = {"code": job.process.returncode, "seconds": seconds, "cause": job.cause}
        self._result({"key": job.key, "tries": job.tries, **ended, **said})

    def _result(self, result: dict[str, Any]) -> None:
        self._output += self._write_down(result)
        self._tell()

    def _write_down(self, what: dict[str, Any]) -> bytes:
        """For the next monitor, if this one is killed: a try that has begun, or how it has ended. The line."""
        line = json.dumps(what).encode() + b"\n"
        # The file is a courtesy: without it, what a killed monitor had not stored yet is run again.
        with suppress(OSError), open_results(self._done) as done:
            done.write(line)
        return line

    def _tell(self) -> None:
        """Write as much as the monitor takes now: it may be busy, and the time limits of scripts go on."""
        out = sys.stdout.fileno()
        try:
            self._output = self._output[os.write(out, self._output) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._output = b""
        if self._output and out not in self._selector.get_map():
            self._selector.register(out, selectors.EVENT_WRITE)
        elif not self._output and out in self._selector.get_map():
            self._selector.unregister(out)

    def _enforce(self, now: float) -> None:
        for job in self._running.values():
            if job.kill_at is None and now >= job.began + job.limit:
                job.cause = f"ended at its time limit of {job.limit:g} s"
                self._end(job, now)
            elif job.kill_at is not None and now >= job.kill_at:
                _signal_session(job.process.pid, signal.SIGKILL)
                job.kill_at = now + GRACE

    def _end(self, job: Running, now: float) -> None:
        _signal_session(job.process.pid, signal.SIGTERM)
        job.kill_at = now + GRACE

    def _leave(self) -> None:
        """End what still runs; nobody is told, because nobody may be there."""
        for job in self._running.values():
            _signal_session(job.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and any(
            job.process.poll() is None for job in self._running.values()
        ):
            time.sleep(_TICK)
        for job in self._running.values():
            _signal_session(job.process.pid, signal.SIGKILL)


def open_results(path: Path) -> IO[bytes]:
    """As `dag_rewriter.files.open_own`, which is not at hand here. OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o644), "ab", buffering=0)


def _read(stream: IO[bytes]) -> bytes:
    try:
        return os.read(stream.fileno(), _CHUNK)
    except BlockingIOError:
        return b""


def _code_of(error: OSError | ValueError) -> int:
    number = error.errno if isinstance(error, OSError) else None
    if number in _SHORT_OF:
        return _TEMPORARY
    return _NO_PROGRAM if number == errno.ENOENT else _NOT_EXECUTABLE


def _cause_of(task: dict[str, Any], error: OSError | ValueError) -> str:
    said = error.strerror if isinstance(error, OSError) else str(error)
    return f"{task['argv'][0]!a} could not be run: {said}"


def _signal_session(session: int, number: signal.Signals) -> None:
    """Signal all processes of a session, whichever process groups they made; the group alone misses a shell's jobs."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, number)
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            fields = status.read_bytes().rpartition(b")")[2].split()
            if int(fields[3]) == session:
                os.kill(int(status.parent.name), number)


def main() -> None:
    """`python script_runner.py MOST FILE`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # Its end comes with that of its input. Not SIG_IGN: the scripts would inherit that.
        signal.signal(number, lambda _number, _frame: None)
    ScriptRunner(int(sys.argv[1]), Path(sys.argv[2])).run()


if __name__ == "__main__":
    main()
