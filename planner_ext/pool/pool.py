"""A personal HTCondor: loopback only, every file in one directory, several of them side by side.

htcondor2.personal.PersonalPool is not used. It runs condor_master as a child of the Python process and stops
it when that process ends, while ours outlives the shell that started it; attach() overwrites the settings
of the pool it attaches to; root cannot start it; its stop() knows only the daemons, so that orphaned DAGMans
and jobs of a dead master live on; it switches CONDOR_CONFIG of the whole process, so that two pools do not go
side by side.
"""

from __future__ import annotations

import contextlib
import enum
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dag_rewriter import files
from planner_ext.errors import PoolError
from planner_ext.pool.config import (
    FOLDERS,
    PoolSettings,
    admits_others,
    condor_config,
    dump_settings,
    load_settings,
)
from planner_ext.pool.credentials import make_credentials, owner_identity
from planner_ext.pool.environment import (
    as_pool_user,
    free_port,
    in_environment,
    is_free,
    path_entries,
    variables,
    without_condor,
)
from planner_ext.pool.private_files import locked, make_private, require_own, write_private
from planner_ext.pool.processes import PoolProcesses, send, wait_for
from planner_ext.pool.release import Release

_TOOL_LIMIT = 20  # seconds that one HTCondor tool may take


class PoolState(enum.Enum):
    """RUNNING: jobs can be submitted. BROKEN: there are processes, but no master or no answer."""

    RUNNING = "running"
    BROKEN = "broken"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """What a pool is just now; what cannot be known is None. `jobs`: all in the queue."""

    state: PoolState
    directory: Path
    pid: int | None = None
    port: int | None = None
    version: str | None = None
    slots: int | None = None
    jobs: int | None = None


class Pool:
    """The personal pool in `directory`, which need not exist yet; as a context manager stopped at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.config_file = self.directory / "etc" / "condor_config"
        self.processes = PoolProcesses(self.directory)
        self._settings_file = self.directory / "pool.json"
        self._address_file = self.directory / "spool" / ".schedd_address"

    # ---- start and stop ----

    def start(self, release: Release, slots: int | None = None, limit: float = 60) -> PoolStatus:
        """Start the pool and return when jobs can be submitted; harmless if it is up already.

        Raises PoolError if it is not up within `limit` seconds; what this call started is then gone again.
        """
        with self._locked(), self._in_words(f"see {self.directory / 'log'}"):
            if self.processes.master() is not None:
                self._require_closed()
                wait_for(self._is_ready, limit)
                return self.status()
            # Orphans of a dead master would drive their DAGs beside the copies that the new schedd starts.
            self._kill()
            self._write_configuration(release, slots)
            command = [*as_pool_user(os.geteuid()), str(self.settings().release.sbin / "condor_master")]
            environment = {name: value for name, value in self.environment().items() if name != "CONDOR_IDS"}
            try:
                self.processes.spawn_master(command, environment)
                wait_for(self._is_ready, limit)
            except BaseException:  # also an interrupt: daemons would stay that nobody knows of
                self._kill()
                raise
        return self.status()

    def stop(self, limit: float = 20) -> None:
        """Stop the pool: jobs get SIGTERM and up to `limit` seconds, 5 more after a SIGQUIT, then SIGKILL.

        The queue stays on disk. Raises PoolError if a process outlives even that.
        """
        if not self.directory.is_dir():
            return
        with self._locked(), self._in_words("look at them with ps, then stop the pool again"):
            for signum, seconds in ((signal.SIGTERM, limit), (signal.SIGQUIT, 5.0)):
                if (pid := self.processes.master()) is not None:
                    send([pid], signum)
                    with contextlib.suppress(TimeoutError):
                        wait_for(lambda: self.processes.master() is None, seconds)
            self._kill()

    def crash(self) -> None:
        """SIGKILL every process of the pool, jobs too: what it would be if the machine went down."""
        with self._locked(), self._in_words("look at them with ps, then stop the pool"):
            self._kill()

    # ---- ask ----

    def status(self) -> PoolStatus:
        """Look at the processes and ask the daemons."""
        require_own(self.directory)
        pid = self.processes.master()
        if pid is None:
            state = PoolState.BROKEN if self.processes.all() else PoolState.STOPPED
            return PoolStatus(state, self.directory)
        port = self.settings().port
        version = re.search(r"\d+\.\d+\.\d+", self._ask("condor_status", "-schedd", "-af", "CondorVersion"))
        # The slot that is cut up, and its pieces while they last: the largest is the whole.
        slots = re.findall(r"\d+", self._ask("condor_status", "-af", "TotalSlotCpus"))
        # Not -totals: just after a restart of the schedd these miss jobs. The heading: it answers.
        jobs = self._ask("condor_q", "-allusers", "-af:h", "ClusterId").splitlines()
        if version is None or not slots or not jobs:
            return PoolStatus(PoolState.BROKEN, self.directory, pid, port)
        return PoolStatus(
            PoolState.RUNNING, self.directory, pid, port, version[0], max(map(int, slots)), len(jobs) - 1
        )

    def settings(self) -> PoolSettings:
        """What the pool was last started with; raises PoolError if it never was, or is another user's."""
        # It names programs, which we run.
        require_own(self.directory)
        try:
            text = self._settings_file.read_text()
        except FileNotFoundError:
            raise PoolError(
                str(self.directory),
                "no pool was ever started here",
                f"bridle pool start --pool {self.directory}",
            ) from None
        return load_settings(text, str(self._settings_file))

    def variables(self) -> dict[str, str]:
        """The environment variables that make this pool the one to use, PATH apart."""
        return variables(self.directory, self.config_file, os.geteuid())

    def path_entries(self) -> list[str]:
        """The folders with HTCondor's programs, to put before PATH."""
        return path_entries(self.settings().release)

    def environment(self) -> dict[str, str]:
        """A whole environment for a process that shall use this pool: ours, changed as needed."""
        path = os.pathsep.join([*self.path_entries(), os.environ.get("PATH", os.defpath)])
        return {**without_condor(os.environ), **self.variables(), "PATH": path}

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Pool]:
        """Within the block, this process and HTCondor's Python bindings in it use this pool."""
        with in_environment(self.environment()):
            yield self

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    # ---- inside ----

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One start or stop at a time, whoever asks."""
        run = self.directory / "run"
        for folder in (self.directory, run.resolve()):
            require_own(folder)
        make_private(run)
        with locked(run / "bridle.lock"):
            yield

    @contextlib.contextmanager
    def _in_words(self, hint: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise PoolError(str(self.directory), f"the pool is not as asked: {error}", hint) from error

    def _write_configuration(self, release: Release, slots: int | None) -> None:
        for folder in (self.directory, *(self.directory / name for name in FOLDERS)):
            require_own(folder.resolve())
            make_private(folder)
        earlier = self.settings() if self._settings_file.exists() else None
        port = earlier.port if earlier and is_free(earlier.port) else free_port()
        chosen = slots or (earlier.slots if earlier else max(4, os.cpu_count() or 1))
        release = self._without_blanks(release)
        settings = PoolSettings(str(release.root), str(release.sbin), port, chosen)
        owner = owner_identity(os.geteuid())
        write_private(self.config_file, condor_config(settings, self.directory, owner))
        write_private(self._settings_file, dump_settings(settings))
        make_credentials(self.directory, release, self.environment())

    def _require_closed(self) -> None:
        if admits_others(self.config_file.read_text()):
            raise PoolError(
                str(self.directory),
                "an older bridle started this pool, and every user of this machine may command it",
                f"`bridle pool stop --pool {self.directory}`, then start it again: the queue stays",
            )

    def _without_blanks(self, release: Release) -> Release:
        """A startd finds no starter below a path with a blank (seen, 25.14.1): a link in the pool leads there."""
        if not any(map(str.isspace, str(release.root))):
            return release
        link = self.directory / "htcondor"
        new = link.with_name(f"{link.name}.{os.getpid()}")
        files.make_link(new, str(release.root))
        new.replace(link)
        return Release(link, link / release.sbin.relative_to(release.root))

    def _is_ready(self) -> bool:
        if self.processes.master() is None:
            raise PoolError(str(self.directory), "condor_master ended", f"see {self.directory / 'log'}")
        return self._address_file.exists() and self.status().state is PoolState.RUNNING

    def _ask(self, *command: str) -> str:
        """What an HTCondor tool prints about this pool; nothing if it fails (a daemon is not up)."""
        try:
            done = subprocess.run(
                command,
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=_TOOL_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout if done.returncode == 0 else ""

    def _kill(self) -> None:
        self.processes.kill()
        # A dead schedd's address would make the next start look ready.
        self._address_file.unlink(missing_ok=True)
