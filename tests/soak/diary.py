"""What a soak writes while it runs: each fault with all that its seed chose, and how everything stands."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.soak.strikes import Scene, Strike
from tests.soak.surroundings import Reader
from tests.support.database import query
from tests.support.faults import tool

_EVERY = 60.0
"""Seconds between two looks at how everything stands."""
_LAST_LINES = 25


@dataclass
class Diary:
    """Prints it, each line at once."""

    scene: Scene
    reader: Reader
    _looked: float = 0.0

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def strikes(self, number: int, strike: Strike) -> None:
        """Before a fault: what hangs is the last line."""
        haste = ", in haste" if strike.in_haste else ""
        chosen = f"after {strike.delay:.2f} s, chance {strike.chance:.4f}, {strike.seconds:.1f} s{haste}"
        self.say(f"{number:4} {strike.kind} ({chosen})")

    def has_struck(self, number: int, *, met: bool, seconds: float | None) -> None:
        """After it; `seconds` until all was at work again, None if nobody waited for that."""
        told = "not waited for" if seconds is None else f"at work again after {seconds:.1f} s"
        self.say(f"{number:4}   {told if met else 'met nobody'}")
        if time.monotonic() - self._looked > _EVERY:
            self._looked = time.monotonic()
            self.say(f"     {self.state()}")

    def state(self) -> str:
        """How everything stands, in one line."""
        scene = self.scene
        told = {
            "load": os.getloadavg()[0],
            "memory": f"{_available() >> 20} MB left",
            "disk": f"{shutil.disk_usage(scene.root.path).free >> 20} MB left",
            "processes": len(scene.pool.processes.all()),
            "monitor": scene.monitor(),
            "dagmans": len(scene.dagmans()),
            "mails": len(scene.mail.box.mails),
            "readers": dict(self.reader.codes),
            **self._stored(),
        }
        return "; ".join(f"{name} {value}" for name, value in told.items())

    def _stored(self) -> dict[str, object]:
        try:
            ((attempts, ended),) = query(
                self.scene.database, "SELECT count(*), count(exitcode) FROM job_instance"
            )
            states = query(
                self.scene.database, "SELECT state, count(*) FROM bridle_notification GROUP BY state"
            )
        except (sqlite3.Error, psycopg.Error) as error:
            return {"database": str(error).splitlines()[0]}
        notifications = {str(state): number for state, number in states}
        return {"attempts": attempts, "ended": ended, "notifications": notifications}

    def aftermath(self) -> None:
        """Everything that tells why it did not go on, before it is ended."""
        self.say(self.state())
        try:
            print(tool(self.scene.pool, "condor_q", "-allusers", "-nobatch"))
        except (AssertionError, OSError) as error:
            print(error)
        listed = subprocess.run(
            ["ps", "-o", "pid,ppid,stat,etime,args", *map(str, self.scene.pool.processes.all())],
            capture_output=True,
            text=True,
            check=False,
        )
        print(listed.stdout)
        root = self.scene.root
        for file in (root.monitor_log, *sorted(root.path.glob("bridle_monitor*.err"))):
            _print_end(file)
        for member in self.scene.hierarchy.members:
            _print_end(member.directory.dagman_out)


def _print_end(file: Path) -> None:
    if file.exists():
        lines = file.read_text(errors="backslashreplace").splitlines()[-_LAST_LINES:]
        print(f"--- {file}", *lines, sep="\n", flush=True)


def _available() -> int:
    """Bytes of memory that are left."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("MemAvailable:"))
    return int(line.split()[1]) << 10
