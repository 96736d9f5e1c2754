"""`make soak`: 500 random faults over a running hierarchy, and what they cost. See docs/reliability.md."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from condor_templates.errors import BridleError
from planner_ext.pool.pool import Pool
from planner_ext.pool.release import Release, find_release
from tests.soak.diary import Diary
from tests.soak.figures import Record, judge
from tests.soak.hierarchy import LEAST, Hierarchy, make_hierarchy
from tests.soak.recovery import Watch
from tests.soak.strikes import KINDS, SLOW, Scene, Strike, Where, strikes
from tests.soak.surroundings import MailServer, Reader
from tests.support.faults import jobs_of, tool
from tests.support.places import BUILD, WORK
from tests.support.postgresql import Server
from tests.support.runs import bridle, ended, until

END_LIMIT = 1800.0
"""Seconds that the rest of the workflow may take when the faults are over."""
_KEPT_BACK = 0.05
"""Part of the workers that waits for the last fault."""
EXAMPLE = """\
example:
  make soak SOAK_ARGS="--seed 7 --faults 500 --nodes 600 --json build/soak.json"

exit codes: 0 all is as it should be, 1 it is not (the directory stays, for you to look at), 2 wrong usage
"""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make soak",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=7, help="the same gives the same faults (default 7)")
    parser.add_argument("--faults", type=int, default=500, help="how many (default 500)")
    parser.add_argument("--minutes", type=float, help="of the faults: those that are left then are left out")
    parser.add_argument("--nodes", type=int, default=600, help="of the whole hierarchy, about (default 600)")
    parser.add_argument(
        "--database",
        type=Where,
        default=Where.POSTGRESQL,
        help="postgresql (default: a server of its own, with failovers), or sqlite",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--release", type=Path, help="another HTCondor than that in PATH or below build/")
    parser.add_argument("--plan", action="store_true", help="only list the faults")
    given = parser.parse_args()
    if given.nodes < LEAST or given.faults < 1:
        parser.error(f"at least {LEAST} nodes and 1 fault")
    if given.json is not None and not given.json.absolute().parent.is_dir():
        parser.error(f"there is no folder for {given.json}")
    return given


def start(scene: Scene, reader: Reader) -> None:
    """Submit it with a monitor that may start as often as it must, and after 2 s at most.

    Somebody asks how it is before the monitor has stored anything.
    """
    root = scene.root
    if isinstance(scene.database, str):
        with (root.path / (root.braindump["properties"] or "")).open("a") as properties:
            properties.write(f"\npegasus.catalog.workflow.url = {scene.database}\n")
    reader.look()
    (root.path / "bridle-policy.toml").write_text("[monitor]\nmax_starts = 100000\n")
    done = bridle(scene.pool, "rewrite", str(root.path))
    assert done.returncode == 0, done.stderr
    text, changed = re.subn(
        r", 60\}\), 0\)$", ", 2}), 0)", root.monitor_submit.read_text(), flags=re.MULTILINE
    )
    assert changed == 1, "its waiting time is where it was"
    root.monitor_submit.write_text(text)
    tool(scene.pool, "condor_submit_dag", root.dag, cwd=root.path)

    def has_started() -> bool:
        reader.look()
        return scene.monitor() is not None

    until(has_started, "the monitor has started")
    reader.start()


def disturb(scene: Scene, planned: list[Strike], diary: Diary, limit: float) -> Record:
    """One fault after the other, for so long at most; between them, some workers are let go."""
    deadline = time.monotonic() + limit
    record, watch = Record(), Watch(scene)
    pending: list[tuple[Strike, float]] = []
    watch.wait()
    gone: set[tuple[str, str]] = set()
    for number, strike in enumerate(planned, 1):
        _let_go(scene.hierarchy, gone, number / len(planned))
        diary.strikes(number, strike)
        met, seconds = _struck(scene, strike, record), None
        since = time.monotonic()
        if met:
            pending.append((strike, since))
        is_last = number == len(planned) or since > deadline
        if is_last or not strike.in_haste:
            watch.wait()
            now = time.monotonic()
            seconds = now - since
            for each, began in pending:
                record.seconds[each.kind].append(round(now - began, 2))
            pending.clear()
        diary.has_struck(number, met=met, seconds=seconds)
        if is_last:
            break
    return record


def _struck(scene: Scene, strike: Strike, record: Record) -> bool:
    """Do it; whether it met somebody. What is wrong then is told, and the next one comes all the same."""
    kind = KINDS[strike.kind]
    time.sleep(strike.delay)
    began = time.monotonic()
    met = True
    try:
        met = kind.do(scene, strike)
    except (AssertionError, OSError, subprocess.SubprocessError, psycopg.Error, BridleError) as error:
        record.wrong.append(f"{strike.kind}: {error!r}")
        print(record.wrong[-1], flush=True)
    if kind.where is not None:
        record.outages.append((began, time.monotonic()))
    record.missed += not met
    record.kills += kind.kills and met
    return met


def _let_go(hierarchy: Hierarchy, gone: set[tuple[str, str]], part: float) -> None:
    workers = sum(len(member.workers) for member in hierarchy.members)
    aim = int(workers * part * (1 - _KEPT_BACK))
    for label, name in hierarchy.started():
        if len(gone) >= aim:
            return
        if (label, name) not in gone:
            gone.add((label, name))
            hierarchy.let_go(label, name)


def finish(scene: Scene, reader: Reader) -> None:
    """Let it end, and see that nobody is left."""
    scene.hierarchy.let_all_go()
    until(lambda: ended(scene.root), "the monitor has stored the end", END_LIMIT)
    reader.stop()
    # What asked to be run again has its time: the monitor outlives its DAG.
    until(lambda: _is_over(scene), "all jobs have left the queue", END_LIMIT)
    until(lambda: scene.monitor() is None, "the monitor has left", SLOW)
    until(lambda: not _left_over(scene), "nobody is left", SLOW)


def _is_over(scene: Scene) -> bool:
    try:
        return not jobs_of(scene.pool, scene.root)
    except subprocess.SubprocessError:
        return False  # the schedd is busy


def _left_over(scene: Scene) -> list[str]:
    """Processes of the pool that are none of HTCondor's daemons."""
    found = []
    for pid in scene.pool.processes.all():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        name = Path(words[0].decode("utf-8", "replace")).name
        if words[0] and (not name.startswith("condor_") or name in ("condor_dagman", "condor_starter")):
            found.append(b" ".join(words).decode("utf-8", "replace")[:200])
    return found


def prepare(given: argparse.Namespace, release: Release, work: Path) -> tuple[Scene, Reader]:
    """Plan the hierarchy, start what it needs beside HTCondor, and let all of it have a home of its own."""
    os.environ["HOME"] = str(work / "home")
    os.environ.pop("XDG_CONFIG_HOME", None)
    mail, server = MailServer(), None
    mail.configure(work / "home")
    hierarchy = make_hierarchy(work, given.seed, given.nodes)
    database: Path | str = hierarchy.root.database
    if given.database is Where.POSTGRESQL:
        programs = Path(os.environ.get("BRIDLE_POSTGRESQL", BUILD / "postgresql")) / "bin"
        server = Server(programs, work / "postgresql")
        server.start()
        database = server.new_database()
    mail.start()
    pool = Pool(work / "pool")
    scene = Scene(pool, release, hierarchy, mail, server, database)
    return scene, Reader(pool, hierarchy.root.path, given.seed)


def main() -> int:
    given = options()
    planned = strikes(given.seed, given.faults, given.database)
    if given.plan:
        for strike in planned:
            print(strike)
        return 0
    fallback = Path(os.environ.get("BRIDLE_HTCONDOR", BUILD / "htcondor"))
    release = find_release(given.release, os.environ.get("PATH", os.defpath), fallback)
    work = WORK / "soak" / f"{given.seed}-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the pool is ended then, too
    scene, reader = prepare(given, release, work)
    diary = Diary(scene, reader)
    diary.say(f"--seed {given.seed}: {len(planned)} faults, {scene.hierarchy.all_nodes} nodes, in {work}")
    try:
        scene.pool.start(release, slots=4, limit=SLOW)
        start(scene, reader)
        record = disturb(scene, planned, diary, 60 * (given.minutes or math.inf))
        diary.say("the faults are over")
        finish(scene, reader)
        diary.say(f"it has ended: {diary.state()}")
        figures = judge(given, scene, reader, record, time.monotonic() - began)
    except AssertionError as error:
        print(f"soak: {work}: {error}; run again with --seed {given.seed}, or look there", file=sys.stderr)
        diary.aftermath()
        return 1
    finally:
        reader.stop()
        scene.pool.crash()
        scene.mail.stop()
        if scene.server is not None:
            scene.server.stop()
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    if scene.server is not None:
        scene.server.remove()
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
