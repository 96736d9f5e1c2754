"""Which processes belong to a pool, also when its master is gone.

HTCondor puts `_CONDOR_ANCESTOR_<pid>=<child>:<birth>:<random>` into the environment of all that a daemon
starts, jobs with an emptied environment too (condor_utils/pidenvid.cpp), and a child keeps what it inherits.
So whoever descends from a master carries its pid, wherever it was reparented to. The daemons themselves carry
DAEMON_MARK. A shell that merely uses the pool carries neither.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from dag_rewriter import files
from monitord_job import waiting

DAEMON_MARK = "BRIDLE_POOL_DAEMON"
_POLL = 0.05  # seconds between two looks at what is waited for
_CLOCK_STEP = 60  # seconds that a machine's clock may be set back while the pool is up
_ANCESTOR = re.compile(rb"_CONDOR_ANCESTOR_(\d+)=\d+:(\d+):")


def belongs(environ: bytes, directory: Path, masters: Mapping[int, int]) -> bool:
    """Whether a process with this environment (NUL between variables) is of the pool in `directory`.

    `masters`: pid -> second since the epoch of every master that the pool had since it was last stopped.

    >>> belongs(b"HOME=/\\0_CONDOR_ANCESTOR_7=8:1700000002:5\\0", Path("/pool"), {7: 1700000001})
    True
    >>> belongs(b"_CONDOR_ANCESTOR_7=8:1600000000:5\\0", Path("/pool"), {7: 1700000001})
    False
    >>> belongs(b"BRIDLE_POOL_DAEMON=/pool\\0A=1\\0", Path("/pool"), {})
    True
    """
    mark = f"{DAEMON_MARK}={directory}".encode()
    for variable in environ.split(b"\0"):
        if variable == mark:
            return True
        if match := _ANCESTOR.match(variable):
            started = masters.get(int(match[1]))
            # An older birth is that of another master that once had this pid.
            if started is not None and int(match[2]) >= started - _CLOCK_STEP:
                return True
    return False


def environment_of(pid: int) -> bytes:
    """The environment that the process was started with; empty if it is gone, a zombie or another user's."""
    return files.read_process(pid, "environ")


def members(directory: Path, masters: Mapping[int, int]) -> Iterator[int]:
    """The pids of the pool's living processes, never our own."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    for pid in pids:
        if pid != os.getpid() and belongs(environment_of(pid), directory, masters):
            yield pid


def send(pids: Iterable[int], signum: signal.Signals) -> None:
    """Signal them all; one that is gone already is as good."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


class PoolProcesses:
    """The processes of the pool in `directory`; its run/ remembers the masters' pids beyond their death."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pid_file = directory / "run" / "master.pid"
        self._masters_file = directory / "run" / "masters"

    def master(self) -> int | None:
        """The pid of the living condor_master, or None."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None
        # The pid may meanwhile be another's: only the mark in the environment proves it.
        return pid if belongs(environment_of(pid), self.directory, {}) else None

    def all(self) -> list[int]:
        """The pids of everything that lives: daemons, DAGMans, scripts, jobs."""
        return sorted(members(self.directory, self._masters()))

    def spawn_master(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Start condor_master, which daemonizes itself. Raises TimeoutError if there is none then."""
        self.pid_file.unlink(missing_ok=True)
        began = int(time.time())
        with os.fdopen(
            files.open_own(self.directory / "log" / "master.out", truncate=True, mode=0o600), "wb"
        ) as output:
            subprocess.run(
                [*command, "-pidfile", str(self.pid_file)],
                env={**environment, DAEMON_MARK: str(self.directory)},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
            )
        wait_for(lambda: self.master() is not None, 10)
        with os.fdopen(files.open_own(self._masters_file, append=True, mode=0o600), "a") as masters:
            masters.write(f"{self.master()} {began}\n")

    def kill(self) -> None:
        """SIGKILL until nothing is left, as if the machine went down. Raises TimeoutError."""

        def is_empty() -> bool:
            # All are stopped before one dies, so that none sees another's death: a schedd that did would take
            # the jobs killed here for ended and drop them from its queue.
            master = self.master()
            send([master] if master else [], signal.SIGSTOP)
            send(self.all(), signal.SIGSTOP)
            processes = self.all()
            send(processes, signal.SIGKILL)
            return not processes

        wait_for(is_empty, 10)
        self.pid_file.unlink(missing_ok=True)
        self._masters_file.unlink(missing_ok=True)

    def _masters(self) -> dict[int, int]:
        """pid -> start of every master since nothing was left the last time."""
        masters = {}
        with contextlib.suppress(OSError, ValueError):
            masters[int(self.pid_file.read_text())] = 0
        with contextlib.suppress(OSError):
            pairs = (line.split() for line in self._masters_file.read_text().splitlines())
            masters.update({int(pid): int(began) for pid, began in pairs})
        return masters


def wait_for(condition: Callable[[], bool], limit: float) -> None:
    """Return as soon as it is so; raises TimeoutError after `limit` seconds."""
    if not waiting.wait_for(condition, limit, _POLL):
        raise TimeoutError(f"not so within {limit:.0f} s")
