"""What a run needs beside HTCondor and what goes away at times: a mail server, a PostgreSQL server; and its readers."""

from __future__ import annotations

import json
import random
import socket
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from aiosmtpd.controller import Controller

from planner_ext.pool.pool import Pool
from tests.support.mailbox import Mailbox
from tests.support.runs import BRIDLE

ADDRESS = "soak@example.org"


@dataclass
class MailServer:
    """A mail server at one port, which can be away. What it has received stays."""

    box: Mailbox = field(default_factory=Mailbox)
    _controller: Controller | None = None

    def configure(self, home: Path) -> None:
        """Let `bridle-notify` of the user with this home send by it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.box.port = free.getsockname()[1]
        file = home / ".config" / "bridle" / "notify.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'[mail]\nfrom = "monitor@example.org"\nvia = "mailto://127.0.0.1:{self.box.port}"\n')
        file.chmod(0o600)

    def start(self) -> None:
        self._controller = Controller(self.box, hostname="127.0.0.1", port=self.box.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@dataclass
class Reader:
    """Somebody who calls `bridle status` at random moments, from before the run is submitted to its end."""

    pool: Pool
    run: Path
    seed: int
    codes: Counter[int] = field(default_factory=Counter)
    said: dict[int, str] = field(default_factory=dict)
    """what it was told last with an exit code other than 0"""
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
            self._thread.join(300)

    def _read(self) -> None:
        chance = random.Random(self.seed)
        while not self._stop.wait(chance.uniform(1, 20)):
            self.look()

    def look(self) -> None:
        """Once. A database that is away may be said to be; an internal error, or half a document, may not."""
        words = [str(BRIDLE), "status", "--json", str(self.run)]
        done = subprocess.run(
            words, env=self.pool.environment(), capture_output=True, text=True, timeout=300, check=False
        )
        self.codes[done.returncode] += 1
        if done.returncode:
            self.said[done.returncode] = done.stderr[-500:]
        if done.returncode in (70, 130) or done.returncode < 0 or "Traceback" in done.stderr:
            self.wrong.append(done.stderr[-500:])
        elif done.returncode == 0 and "state" not in json.loads(done.stdout):
            self.wrong.append(done.stdout[-500:])
