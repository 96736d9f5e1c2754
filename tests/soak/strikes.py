"""The faults of a soak: which, in which order, and how each is done. All of them are seeded."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from planner_ext.pool.release import Release
from tests.soak.hierarchy import Hierarchy
from tests.soak.surroundings import MailServer
from tests.support.faults import daemon_pid, tool
from tests.support.postgresql import Server
from tests.support.runs import BRIDLE, monitor_pid, until

SLOW = 300.0
"""Seconds that one step may take on a machine that is busy otherwise."""


class Where(Enum):
    """The database."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Strike:
    """One fault, `delay` seconds after the last recovery. `chance` chooses whom it hits, it lasts `seconds`.

    `in_haste`: the next one does not wait until this one is recovered from.
    """

    kind: str
    delay: float
    chance: float
    seconds: float
    in_haste: bool


@dataclass(frozen=True)
class Scene:
    """What is struck."""

    pool: Pool
    release: Release
    hierarchy: Hierarchy
    mail: MailServer
    server: Server | None
    """of PostgreSQL, if the database is there"""
    database: Path | str

    @property
    def root(self) -> SubmitDir:
        return self.hierarchy.root

    def dagmans(self) -> dict[Path, int]:
        """The DAGMans at work: directory -> process."""
        places = {member.directory.dag: member.directory.path for member in self.hierarchy.members}
        here = set(places.values())
        return {places[dag]: pid for pid, dag, place in _dagmans() if place in here and dag in places}

    def monitor(self) -> int | None:
        """The process of the monitor at work. By its words too: in an hour of faults process ids come around."""
        pid = monitor_pid(self.root)
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return pid if b"monitord" in words else None


def strikes(seed: int, number: int, where: Where) -> list[Strike]:
    """The faults of a soak, in their order; `where` is the database."""
    chance = random.Random(seed)
    fitting = {name: kind.weight for name, kind in KINDS.items() if kind.where in (None, where)}
    kinds = chance.choices(list(fitting), list(fitting.values()), k=number)
    return [
        Strike(
            kind,
            chance.uniform(0, 1.5),
            chance.random(),
            chance.uniform(1, 5),
            in_haste=chance.random() < 0.2,
        )
        for kind in kinds
    ]


def _dagmans() -> Iterator[tuple[int, str, Path]]:
    """Process, name of the DAG, and where it works now: a DAGMan goes to a node's directory to submit it."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            # Not by the program's name: DAGMan may have been started as condor_scheduniv_exec (23).
            _, found, words = (folder / "cmdline").read_bytes().partition(b"-Dag\0")
            if folder.name.isdecimal() and found:
                dag = os.fsdecode(words.partition(b"\0")[0])
                yield int(folder.name), Path(dag).name, (folder / "cwd").readlink()


def _kill(pid: int | None, signum: signal.Signals = signal.SIGKILL) -> bool:
    """Whether there was somebody to be killed: a fault in haste may come too late."""
    if pid is None:
        return False
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True


def _monitor(scene: Scene, strike: Strike) -> bool:
    return _kill(scene.monitor())


def _script_runner(scene: Scene, strike: Strike) -> bool:
    """The process that runs the scripts of notifications."""
    monitor = scene.monitor()
    children = Path(f"/proc/{monitor}/task/{monitor}/children")
    try:
        found = children.read_text().split()
    except OSError:
        return False
    return _kill(int(found[0])) if found else False


def _root_dagman(scene: Scene, strike: Strike) -> bool:
    return _kill(scene.dagmans().get(scene.root.path))


def _sub_dagman(scene: Scene, strike: Strike) -> bool:
    found = sorted((place, pid) for place, pid in scene.dagmans().items() if place != scene.root.path)
    return _kill(found[int(strike.chance * len(found))][1]) if found else False


@contextmanager
def _held_still(pid: int | None) -> Iterator[None]:
    """Nobody writes while somebody else does."""
    stopped = pid is not None and _kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if stopped:
            _kill(pid, signal.SIGCONT)


def _log(scene: Scene, strike: Strike) -> tuple[Path, int | None] | None:
    """A JOBSTATE_LOG that has something in it, and the DAGMan that writes it; None if that comes back just now.

    One that comes back while its log is another one writes into it what is lost when the log is put back.
    """
    logs = [member.directory for member in scene.hierarchy.members if member.has_log]
    begun = [place for place in logs if place.jobstate_log.exists() and place.jobstate_log.stat().st_size]
    if not begun:
        return None
    place = begun[int(strike.chance * len(begun))]
    dagman = scene.dagmans().get(place.path)
    if dagman is None and not place.jobstate_log.read_text().endswith(" DAGMAN_FINISHED 0 ***\n"):
        return None
    return place.jobstate_log, dagman


def _log_emptied(scene: Scene, strike: Strike) -> bool:
    """The log loses all that it had, and gets it back."""
    found = _log(scene, strike)
    if found is None:
        return False
    log, dagman = found
    with _held_still(dagman):
        data = log.read_bytes()
        os.truncate(log, 0)
        time.sleep(strike.seconds)
        with log.open("r+b") as stream:
            stream.write(data)
    return True


def _first_byte(scene: Scene, strike: Strike) -> bool:
    """The first byte of the log is another one for some seconds."""
    found = _log(scene, strike)
    if found is None:
        return False
    log, dagman = found
    with _held_still(dagman), log.open("r+b") as stream:
        before = stream.read(1)
        for byte in (b"x", before):
            stream.seek(0)
            stream.write(byte)
            stream.flush()
            time.sleep(strike.seconds)
    return True


def _mail_away(scene: Scene, strike: Strike) -> bool:
    scene.mail.stop()
    time.sleep(strike.seconds)
    scene.mail.start()
    return True


def _server(scene: Scene) -> Server:
    assert scene.server is not None
    return scene.server


def _server_restarted(scene: Scene, strike: Strike) -> bool:
    _server(scene).stop()
    time.sleep(strike.seconds)
    _server(scene).start()
    return True


def _server_crashed(scene: Scene, strike: Strike) -> bool:
    _server(scene).crash()
    time.sleep(strike.seconds)
    _server(scene).start()
    return True


def _server_read_only(scene: Scene, strike: Strike) -> bool:
    with _server(scene).standby():
        time.sleep(2 * strike.seconds)
    return True


def _cut_off(scene: Scene, strike: Strike) -> bool:
    return bool(_server(scene).cut_off(str(scene.database).partition("?")[0].rpartition("/")[2]))


def _both(scene: Scene, strike: Strike) -> bool:
    return any([_monitor(scene, strike), _root_dagman(scene, strike)])


def _schedd(scene: Scene, strike: Strike) -> bool:
    try:
        return _kill(daemon_pid(scene.pool, "condor_schedd"))
    except (AssertionError, FileNotFoundError, ProcessLookupError):
        return False


def _crash(scene: Scene, strike: Strike) -> bool:
    scene.pool.crash()
    scene.pool.start(scene.release, limit=SLOW)
    return True


def _restart(scene: Scene, strike: Strike) -> bool:
    scene.pool.stop()
    scene.pool.start(scene.release, limit=SLOW)
    return True


def _hold(scene: Scene, strike: Strike) -> bool:
    """Hold a DAGMan, wait until it has left, release it."""
    found = sorted(scene.dagmans().items())
    if not found:
        return False
    place, pid = found[int(strike.chance * len(found))]
    job = f'JobUniverse == 7 && Iwd == "{place}"'
    try:
        tool(scene.pool, "condor_hold", "-constraint", job)
    except AssertionError:
        return False  # the schedd does not answer, or the job has left
    until(lambda: scene.dagmans().get(place) != pid, "the held DAGMan has left", SLOW)
    until(lambda: _released(scene.pool, job), "it is released", SLOW)
    return True


def _released(pool: Pool, job: str) -> bool:
    with suppress(AssertionError):
        tool(pool, "condor_release", "-constraint", job)
    with suppress(AssertionError):
        return not tool(
            pool, "condor_q", "-allusers", "-constraint", f"{job} && JobStatus == 5", "-af", "ClusterId"
        )
    return False


def _still(scene: Scene, strike: Strike) -> bool:
    pid = scene.monitor()
    if not _kill(pid, signal.SIGSTOP):
        return False
    time.sleep(strike.seconds)
    return _kill(pid, signal.SIGCONT)


def _locked(scene: Scene, strike: Strike, *statements: str) -> bool:
    file = sqlite3.connect(scene.root.database, timeout=10, isolation_level=None)
    try:
        for statement in statements:
            file.execute(statement).fetchall()
        time.sleep(strike.seconds)
    except sqlite3.OperationalError:
        return False  # the monitor had it all the time
    finally:
        file.close()
    return True


def _reader(scene: Scene, strike: Strike) -> bool:
    return _locked(scene, strike, "BEGIN", "SELECT count(*) FROM jobstate")


def _writer(scene: Scene, strike: Strike) -> bool:
    return _locked(scene, strike, "BEGIN EXCLUSIVE")


def _full(scene: Scene, strike: Strike) -> bool:
    """No room on the disk, as far as the monitor can tell."""
    pid = scene.monitor()
    if pid is None or not _limited(pid, "4096"):
        return False
    time.sleep(strike.seconds)
    _limited(pid, "unlimited")
    return True


def _limited(pid: int, size: str) -> bool:
    command = ["prlimit", f"--fsize={size}:unlimited", "--pid", str(pid)]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


def _by_hand(scene: Scene, strike: Strike) -> bool:
    """Two more monitors. Beside a live one they leave with 75; in haste one may be the one: it is then killed."""
    words = [str(BRIDLE), "monitord", "--lock-wait", "0.5", str(scene.root.path)]
    alone = scene.monitor()
    both = [
        subprocess.Popen(words, env=scene.pool.environment(), stderr=subprocess.DEVNULL) for _ in range(2)
    ]
    codes = [_ended(one, 30 if alone is None else SLOW) for one in both]
    assert alone is None or scene.monitor() != alone or codes == [75, 75], f"monitors by hand: {codes}"
    return True


def _ended(process: subprocess.Popen, limit: float) -> int:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(20)


def _status(scene: Scene, strike: Strike) -> bool:
    """Three readers at once. What they are told of a database that is away is the other reader's business."""
    words = [str(BRIDLE), "status", "--json", str(scene.root.path)]
    environment = scene.pool.environment()
    three = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for one in three:
        out, told = one.communicate(timeout=SLOW)
        assert one.returncode == 0, f"bridle status: {told}"
        assert json.loads(out)["state"] == "running", out
    return True


@dataclass(frozen=True)
class Kind:
    """How often a fault is to come beside others, how it is done, and whether it kills a monitor."""

    weight: int
    do: Callable[[Scene, Strike], bool]
    kills: bool = False
    where: Where | None = None
    """None: with any database"""


KINDS: Mapping[str, Kind] = {
    "kill -9 of the monitor": Kind(40, _monitor, kills=True),
    "kill -9 of the root's DAGMan": Kind(14, _root_dagman),
    "kill -9 of a sub-workflow's DAGMan": Kind(14, _sub_dagman),
    "kill -9 of the monitor and the root's DAGMan": Kind(8, _both, kills=True),
    "kill -9 of condor_schedd": Kind(12, _schedd, kills=True),
    "crash of the pool, and start": Kind(12, _crash, kills=True),
    "graceful stop of the pool, and start": Kind(8, _restart, kills=True),
    "condor_hold and condor_release of a DAGMan": Kind(14, _hold),
    "SIGSTOP and SIGCONT of the monitor": Kind(14, _still),
    "database locked by a reader": Kind(14, _reader, where=Where.SQLITE),
    "database locked by a writer": Kind(10, _writer, where=Where.SQLITE),
    "no room to write": Kind(10, _full, where=Where.SQLITE),
    "PostgreSQL stopped and started": Kind(10, _server_restarted, where=Where.POSTGRESQL),
    "PostgreSQL crashed and started": Kind(10, _server_crashed, where=Where.POSTGRESQL),
    "PostgreSQL read-only": Kind(10, _server_read_only, where=Where.POSTGRESQL),
    "connections to PostgreSQL cut off": Kind(8, _cut_off, where=Where.POSTGRESQL),
    "mail server away": Kind(12, _mail_away),
    "a JOBSTATE_LOG emptied and put back": Kind(8, _log_emptied),
    "first byte of a JOBSTATE_LOG changed and put back": Kind(6, _first_byte),
    "kill -9 of the script runner": Kind(8, _script_runner, kills=True),
    "two more monitors by hand": Kind(10, _by_hand, kills=True),
    "three readers at once": Kind(12, _status),
}
