"""Scripts, as the monitor sees them: the process that runs them, how they ended, what is logged of it."""

from __future__ import annotations

import json
import os
import select
import shlex
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from condor_templates.terminal import printable
from dag_rewriter.files import stream_of
from monitord_job.notifications import script_runner
from monitord_job.notifications.matching import isodate
from monitord_job.notifications.outbox_values import KEY_VARIABLE, Ended, Left, Task
from monitord_job.notifications.settings import DeliverySettings

_CHUNK = 1 << 16


class RunnerProcess:
    """The process that runs the scripts (`script_runner`); it also appends how they ended to a file."""

    def __init__(self, settings: DeliverySettings, results: Path) -> None:
        self._limit = settings.limit
        program = os.fspath(script_runner.__file__)
        command = [sys.executable, "-I", "-S", program, str(settings.most), os.fspath(results)]
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
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._read = b""

    def send(self, tasks: list[Task]) -> None:
        """Hand these over; they run in this order, as far as there is room."""
        lines = [
            {
                "key": task.key,
                "tries": task.tries,
                "argv": task.argv,
                "cwd": task.directory,
                "environment": task.full_environment,
                "limit": self._limit,
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
                data = os.read(self._output.fileno(), _CHUNK)
            except BlockingIOError:
                break
            if not data:
                return None
            self._read += data
        *lines, self._read = self._read.split(b"\n")
        return [Ended(**json.loads(line)) for line in lines]

    def wait(self, seconds: float) -> None:
        """Until there is a result, at most so long."""
        select.select([self._output], [], [], seconds)

    def close(self) -> None:
        """End it, and what it runs."""
        with suppress(BrokenPipeError):
            self._tasks.close()
        try:
            self._process.wait(2 * script_runner.GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


def read_results(path: Path) -> Left:
    """What a runner wrote of the scripts that it started; its last line may lack its end."""
    try:
        with stream_of(path) as stream:
            # What is longer is cut, and no piece of it is what a runner writes.
            return results_in(iter(partial(stream.readline, _LONGEST), b""))
    except OSError:
        return Left([], {})


def results_in(lines: Iterable[bytes]) -> Left:
    """What the lines say that a runner wrote; others say nothing."""
    ended: list[Ended] = []
    started: dict[str, int] = {}
    for line in lines:
        with suppress(ValueError, TypeError, RecursionError):
            said = json.loads(line)
            if set(said) == {"key", "tries"}:
                begun = _sound(Ended(said["key"], 0, 0.0, "", "", "", said["tries"]))
                started[begun.key] = int(begun.tries)
            else:
                ended.append(_sound(Ended(**said)))
    return Left(ended, started)


_LONGEST = 1 << 18
"""Bytes of a line: of each stream of a script, a runner keeps 4 kB."""
_MOST = 2**31
"""Beyond what the database's columns hold."""


def _sound(ended: Ended) -> Ended:
    """Raises ValueError if it is not what a runner writes."""
    texts = (ended.key, ended.stdout, ended.stderr, ended.cause)
    numbers = (ended.code, ended.seconds, ended.tries)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("not a text")
    if not all(isinstance(number, int | float) and abs(number) < _MOST for number in numbers):
        raise ValueError("not a number that a runner writes")
    return ended


def remove_results(path: Path) -> None:
    """What stands there is stored."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


_ENTRY = """\
{rule}
Notification time  : {time}
Notification event : {entity} - {event}
Notification action: {action}
Notification status: {status}

Notification environment
{environment}

stdout:
{stdout}
stderr:
{stderr}

"""


def log_entry(task: Task, done: Ended, now: float) -> str:
    """An entry of monitord-notifications.log, in the format of pegasus-monitord; `now` in seconds since the epoch."""
    environment = task.full_environment
    entry = _ENTRY.format(
        rule="-" * 80,
        time=isodate(now),
        entity=environment.get("PEGASUS_JOBID", ""),
        event=environment.get("PEGASUS_EVENT", ""),
        action=shlex.join(task.argv),
        status=f"{done.code} ({done.cause})" if done.cause else done.code,
        environment="\n".join(f"{name} : {value}" for name, value in environment.items()),
        stdout=_lines(done.stdout),
        stderr=_lines(done.stderr),
    )
    return printable(entry)  # people look at it with cat


_STATUS, _KEY = "Notification status: ", f"{KEY_VARIABLE} : "


def delivered_before(log: Path) -> set[str]:
    """The keys of those that the log of notifications says were delivered; an entry begins with a rule."""
    found: set[str] = set()
    status = ""
    try:
        with log.open(encoding="utf-8", errors="backslashreplace") as lines:
            for line in lines:
                if line.startswith(_STATUS):
                    status = line[len(_STATUS) :].split()[0]
                elif line.startswith(_KEY) and status == "0":
                    found.add(line[len(_KEY) :].strip())
                elif line.startswith("stdout:"):
                    status = ""  # what follows is a script's
    except OSError:
        return set()
    return found


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
