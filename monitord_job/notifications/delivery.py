"""Delivery: notifications from the outbox to scripts, after the commit and beside it, at least once."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from monitord_job.notifications import script_runner
from monitord_job.notifications.delivery_log import log_entry
from monitord_job.notifications.outbox import Ended, Task

LOG = logging.getLogger("bridle.monitor")
_CHUNK = 1 << 16
AHEAD = 64
"""Notifications that the courier has at once, which keep it at work during a turn of the monitor's. If the monitor is
killed then, they are delivered twice."""


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How scripts are run. `retries`: how often one that fails is run again; None: only if it asks for it (exit 75)."""

    most: int = 10
    """at once"""
    limit: float = 300.0
    """seconds that one may take"""
    retries: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """of all scripts, beside the monitor's own"""


class Outgoing(Protocol):
    """Where notifications come from, and what became of them is kept: the store."""

    def exchange(self, ended: list[Ended], in_flight: frozenset[str], room: int) -> list[Task]:
        """Keep what has ended and take what is due next, in one transaction."""

    def settle_left(self, left: list[Ended]) -> list[tuple[Task, Ended]]:
        """Keep what had ended when an earlier monitor was killed, as far as that one did not; what that is."""

    @property
    def may_be_due(self) -> bool:
        """Whether anything may be due now."""


class Delivery:
    """Runs what the outbox of one monitor holds. Never waits for a script, but in `wait`."""

    def __init__(self, outgoing: Outgoing, settings: DeliverySettings, directory: Path, done: Path) -> None:
        self._outgoing = outgoing
        self._done = done
        self._left_by_others = True
        self._settings = settings
        self._log = directory / "monitord-notifications.log"
        self._courier: _Courier | None = None
        self._in_flight: dict[str, Task] = {}
        self._ended: list[Ended] = []

    @property
    def at_work(self) -> bool:
        """Whether a script runs, or anything may be due."""
        return bool(self._in_flight or self._ended) or self._outgoing.may_be_due

    def step(self) -> None:
        """Keep what has ended, hand over what is due. Raises TryAgainError if the database cannot be used now."""
        if self._left_by_others:
            self._take_over()
        if self._in_flight:
            self._collect()
        room = AHEAD - len(self._in_flight)
        if not self._ended and not (self._outgoing.may_be_due and room):
            return
        ended, self._ended = self._ended, []
        finished = {done.key for done in ended}
        flying = frozenset(self._in_flight.keys() - finished)
        try:
            tasks = self._outgoing.exchange(ended, flying, AHEAD - len(flying))
        except BaseException:
            self._ended = ended + self._ended
            raise
        for done in ended:
            self._write_log(self._in_flight.pop(done.key), done)
        if tasks:
            self._hand_over(tasks)
        elif not self._in_flight:
            _remove(self._done)  # all of it is stored

    def _take_over(self) -> None:
        """Keep what scripts of a monitor that was killed have done."""
        left = _results_in(self._done)
        for task, done in self._outgoing.settle_left(left) if left else ():
            self._write_log(task, done)
        _remove(self._done)
        self._left_by_others = False

    def wait(self, seconds: float) -> None:
        """Until a script ends, at most so long."""
        if self._courier is None or not self._in_flight:
            time.sleep(seconds)
        else:
            self._courier.wait(seconds)

    def close(self) -> list[str]:
        """End what runs; the keys of it."""
        if self._courier is not None:
            self._courier.close()
            self._courier = None
        running = list(self._in_flight)
        self._in_flight.clear()
        return running

    def _collect(self) -> None:
        assert self._courier is not None
        results = self._courier.results()
        if results is None:
            LOG.warning("the courier of notifications died; what it had is delivered again")
            self.close()
            return
        self._ended += results

    def _hand_over(self, tasks: list[Task]) -> None:
        if self._courier is None:
            self._courier = _Courier(self._settings, self._done)
        self._in_flight.update({task.key: task for task in tasks})
        self._courier.send(tasks, self._settings.limit)

    def _write_log(self, task: Task, done: Ended) -> None:
        """The peer's log is a courtesy: the outbox has the same."""
        try:
            with self._log.open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(log_entry(task, done, time.time()))
        except OSError as error:
            LOG.warning("%s", error)


def _results_in(path: Path) -> list[Ended]:
    """What a courier wrote; its last line may lack its end."""
    found = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        with suppress(ValueError, TypeError):
            found.append(Ended(**json.loads(line)))
    return found


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


class _Courier:
    """The process that runs the scripts."""

    def __init__(self, settings: DeliverySettings, done: Path) -> None:
        program = os.fspath(script_runner.__file__)
        command = [sys.executable, "-I", "-S", program, str(settings.most), os.fspath(done)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **settings.environment},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tasks = self._process.stdin
        self._results = self._process.stdout
        os.set_blocking(self._results.fileno(), False)
        self._read = b""

    def send(self, tasks: list[Task], limit: float) -> None:
        lines = [
            {
                "key": task.key,
                "tries": task.tries,
                "argv": task.argv,
                "cwd": task.directory,
                "environment": task.full_environment,
                "limit": limit,
            }
            for task in tasks
        ]
        try:
            self._tasks.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            self._tasks.flush()
        except BrokenPipeError:
            return  # it died: `results` says so

    def results(self) -> list[Ended] | None:
        """What has ended since; None if the process is no more."""
        while True:
            try:
                data = os.read(self._results.fileno(), _CHUNK)
            except BlockingIOError:
                break
            if not data:
                return None
            self._read += data
        *lines, self._read = self._read.split(b"\n")
        return [Ended(**json.loads(line)) for line in lines]

    def wait(self, seconds: float) -> None:
        select.select([self._results], [], [], seconds)

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._tasks.close()
        try:
            self._process.wait(2 * script_runner.GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._results.close()
