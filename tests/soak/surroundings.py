"""What a run needs beside HTCondor and what goes away at times: a mail server, a PostgreSQL server; and its readers."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from aiosmtpd.controller import Controller

from planner_ext.pool.pool import Pool
from tests.support.mailbox import Mailbox
from tests.support.runs import BRIDLE

ADDRESS = "soak@example.org"
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to connections: one of these might take the place of a server that is away."""
_LIMIT = 300.0
"""Seconds."""


@dataclass
class MailServer:
    """A mail server at one port, which can be away. What it has received stays."""

    box: Mailbox = field(default_factory=Mailbox)
    _controller: Controller | None = None

    def configure(self, home: Path) -> None:
        """Let `bridle-notify` of the user with this home send by it."""
        self.box.port = _free_port()
        file = home / ".config" / "bridle" / "notify.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'[mail]\nfrom = "monitor@example.org"\nvia = "mailto://127.0.0.1:{self.box.port}"\n')
        file.chmod(0o600)

    def start(self) -> None:
        self._controller = Controller(
            self.box, hostname="127.0.0.1", port=self.box.port, ready_timeout=_LIMIT
        )
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


def _free_port() -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


@dataclass(frozen=True)
class Refusal:
    """What a reader was told with an exit code other than 0, and when: from its start to its end."""

    code: int
    began: float
    ended: float
    said: str


@dataclass
class Reader:
    """Somebody who calls `bridle status` at random moments, from before the run is submitted to its end."""

    pool: Pool
    run: Path
    seed: int
    codes: Counter[int] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """what it was told and should not have been"""
    _stop: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_LIMIT)

    def refused_without_reason(self, outages: Sequence[tuple[float, float]]) -> list[Refusal]:
        """What it was refused while the database was there all the time; `outages`: when it was not."""
        return [
            one
            for one in self.refusals
            if not any(one.began <= end and one.ended >= begin for begin, end in outages)
        ]

    def _read(self) -> None:
        chance = random.Random(self.seed)
        while not self._stop.wait(chance.uniform(1, 20)):
            try:
                self.look()
            except Exception as error:  # whatever it is, it is to be told in the end
                self.wrong.append(repr(error))

    def look(self) -> None:
        """Once. A database that is away may be said to be; an internal error, or half a document, may not."""
        words = [str(BRIDLE), "status", "--json", str(self.run)]
        began = time.monotonic()
        done = subprocess.run(
            words, env=self.pool.environment(), capture_output=True, text=True, timeout=_LIMIT, check=False
        )
        self.codes[done.returncode] += 1
        if done.returncode:
            told = done.stderr[-500:] or done.stdout[-500:]
            self.refusals.append(Refusal(done.returncode, began, time.monotonic(), told))
        if done.returncode in (70, 130) or done.returncode < 0 or "Traceback" in done.stderr:
            self.wrong.append(done.stderr[-500:])
        elif done.returncode == 0 and "state" not in json.loads(done.stdout):
            self.wrong.append(done.stdout[-500:])
