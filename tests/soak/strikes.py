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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from planner_ext.pool.release import Release
from tests.soak.hierarchy import Hierarchy
from tests.support.faults import daemon_pid, tool
from tests.support.runs import BRIDLE, monitor_pid, until


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

    @property
    def root(self) -> SubmitDir:
        return self.hierarchy.root

    def dagmans(self) -> dict[Path, int]:
        """The DAGMans at work: directory -> process."""
        places = {member.directory.path for member in self.hierarchy.members}
        return {place: pid for pid, place in _dagmans() if place in places}


def strikes(seed: int, number: int) -> list[Strike]:
    """The faults of a soak, in their order."""
    chance = random.Random(seed)
    kinds = chance.choices(list(KINDS), [kind.weight for kind in KINDS.values()], k=number)
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


def _dagmans() -> Iterator[tuple[int, Path]]:
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            # The command's name, also where DAGMan was started as condor_scheduniv_exec (23).
            if folder.name.isdecimal() and b"-Dag\0" in (folder / "cmdline").read_bytes():
                yield int(folder.name), (folder / "cwd").readlink()


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
    return _kill(monitor_pid(scene.root))


def _script_runner(scene: Scene, strike: Strike) -> bool:
    """The process that runs the scripts of notifications."""
    monitor = monitor_pid(scene.root)
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


def _both(scene: Scene, strike: Strike) -> bool:
    return any([_monitor(scene, strike), _root_dagman(scene, strike)])


def _schedd(scene: Scene, strike: Strike) -> bool:
    try:
        return _kill(daemon_pid(scene.pool, "condor_schedd"))
    except (AssertionError, FileNotFoundError, ProcessLookupError):
        return False


def _crash(scene: Scene, strike: Strike) -> bool:
    scene.pool.crash()
    scene.pool.start(scene.release)
    return True


def _restart(scene: Scene, strike: Strike) -> bool:
    scene.pool.stop()
    scene.pool.start(scene.release)
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
    until(lambda: not Path(f"/proc/{pid}").exists(), "the held DAGMan has left", 60)
    until(lambda: _released(scene.pool, job), "it is released", 60)
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
    pid = monitor_pid(scene.root)
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
    pid = monitor_pid(scene.root)
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
    alone = monitor_pid(scene.root)
    both = [
        subprocess.Popen(words, env=scene.pool.environment(), stderr=subprocess.DEVNULL) for _ in range(2)
    ]
    codes = [_ended(one, 20 if alone is None else 240) for one in both]
    assert alone is None or monitor_pid(scene.root) != alone or codes == [75, 75], (
        f"monitors by hand: {codes}"
    )
    return True


def _ended(process: subprocess.Popen, limit: float) -> int:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(20)


def _status(scene: Scene, strike: Strike) -> bool:
    """Three readers at once."""
    words = [str(BRIDLE), "status", "--json", str(scene.root.path)]
    environment = scene.pool.environment()
    three = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for one in three:
        out, told = one.communicate(timeout=120)
        assert one.returncode == 0, f"bridle status: {told}"
        assert json.loads(out)["state"] == "running", out
    return True


@dataclass(frozen=True)
class Kind:
    """How often a fault is to come beside others, how it is done, and whether it kills a monitor."""

    weight: int
    do: Callable[[Scene, Strike], bool]
    kills: bool = False


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
    "database locked by a reader": Kind(14, _reader),
    "database locked by a writer": Kind(10, _writer),
    "no room to write": Kind(10, _full),
    "kill -9 of the script runner": Kind(8, _script_runner, kills=True),
    "two more monitors by hand": Kind(10, _by_hand),
    "three readers at once": Kind(12, _status),
}
