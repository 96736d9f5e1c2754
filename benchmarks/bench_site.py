"""How one PostgreSQL serves many monitors: throughput, waits, connections, sizes, what readers ask of it, pruning.

Starts a server of its own below build/bench, with settings for durability as they are by default, and lets one monitor
store its run, then many at once, each a run of its own at full speed. While they do, what each connection waits for is
looked at four times a second. Then readers ask, and `bridle site prune` takes half of the runs out.

    make bench                                              # 8 monitors, 200 jobs each
    make bench SITE_ARGS='--monitors 20 --jobs 5000'        # 100,000 jobs: 2 GB below build, ten minutes
    make bench SITE_ARGS='--same-files'                     # all runs write files of the same names: the worst case
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import psycopg

from tests.support.postgresql import Server

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench" / "site"
PROGRAMS = Path(os.environ.get("BRIDLE_POSTGRESQL", ROOT / "build" / "postgresql")) / "bin"
BRIDLE = Path(sys.executable).with_name("bridle")
SETTINGS = {
    "fsync": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "300",
    "track_io_timing": "on",
}
GENERATED = 50
"""Runs that are made at most: a monitor for each."""
_LOOK = """
SELECT state, wait_event_type, wait_event, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY 1, 2, 3"""
_WAITING = "SELECT locktype, mode, count(*) FROM pg_locks WHERE NOT granted GROUP BY 1, 2"
_SIZES = """
SELECT relname, n_live_tup, n_dead_tup, pg_relation_size(relid), pg_indexes_size(relid), seq_scan, seq_tup_read
FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC"""


class Took(NamedTuple):
    """Some processes at once; `monitors` and `server` are their processor seconds."""

    seconds: float
    monitors: float
    server: float
    wal: int
    """bytes that the server wrote to its log"""


class Waits:
    """What the connections did, looked at four times a second."""

    def __init__(self, database: str, server: Server) -> None:
        self.states: Counter[str] = Counter()
        self.locks: Counter[str] = Counter()
        self.looks = self.most = 0
        self._database, self._server = database, server
        self._stop = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Waits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._server.connection(self._database) as connection:
            while not self._stop.wait(0.25):
                rows = connection.execute(_LOOK).fetchall()
                self.looks += 1
                self.most = max(self.most, sum(row[3] for row in rows))
                for state, kind, event, number in rows:
                    what = "at work" if kind is None else f"{kind}: {event}"
                    self.states[what if state == "active" else str(state)] += number
                for kind, mode, number in connection.execute(_WAITING):
                    self.locks[f"{kind} {mode}"] += number

    def lines(self) -> Iterator[str]:
        looks = max(self.looks, 1)
        yield f"connections at most: {self.most}; looked {self.looks} times, of each look on average:"
        for what, number in self.states.most_common(8):
            yield f"  {number / looks:6.2f}  {what}"
        for what, number in self.locks.most_common(4):
            yield f"  {number / looks:6.2f}  waiting for a lock: {what}"


def generate(numbers: range, jobs: int, *, same_files: bool) -> list[Path]:
    """Runs of these numbers, each of its own uuid."""
    script, runs = Path(__file__).with_name("recorded_run.py"), []
    for number in numbers:
        folder = BENCH / f"run{number}"
        words = [sys.executable, str(script), str(folder), str(jobs), "--number", str(number)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        runs.append(Path(done.stdout.strip()))
    if same_files:
        for number, run in zip(numbers, runs, strict=True):
            for path in run.rglob("*.out.*"):
                path.write_bytes(path.read_bytes().replace(b'lfn: "r%d.' % number, b'lfn: "r0.'))
    return runs


def cpu_of(server: Server) -> float:
    """Processor seconds of the server so far, of connections that have ended, too."""
    tree, total = {server.pid}, 0.0
    processes = {int(path.name): path for path in Path("/proc").iterdir() if path.name.isdecimal()}
    fields = {}
    for pid, path in processes.items():
        try:
            fields[pid] = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
    for pid in sorted(fields):
        if int(fields[pid][1]) in tree:
            tree.add(pid)
    for pid in tree & fields.keys():
        total += sum(map(int, fields[pid][11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def stored(runs: list[Path], url: str, server: Server, database: str) -> Took:
    """Let a monitor for each of the runs store it, all at once."""
    before, wal = cpu_of(server), wal_of(server, database)
    used, begin = os.times(), time.monotonic()
    logs = [(BENCH / f"monitor{number}.log").open("wb") for number, _ in enumerate(runs)]
    processes = [
        subprocess.Popen(
            [str(BRIDLE), "monitord", "--catch-up", "--url", url, "."], cwd=run, stdout=log, stderr=log
        )
        for run, log in zip(runs, logs, strict=True)
    ]
    codes = [process.wait() for process in processes]
    seconds, after = time.monotonic() - begin, os.times()
    for log in logs:
        log.close()
    if any(codes):
        sys.exit(f"monitors left with {codes}; see {BENCH}/monitor*.log")
    monitors = after.children_user + after.children_system - used.children_user - used.children_system
    return Took(seconds, monitors, cpu_of(server) - before, wal_of(server, database) - wal)


def wal_of(server: Server, database: str) -> int:
    with server.connection(database) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def show_took(name: str, jobs: int, took: Took) -> None:
    say(
        f"{name}: {jobs:,} jobs in {took.seconds:.1f} s, {jobs / took.seconds:,.0f} jobs/s; CPU per job: monitors "
        f"{1000 * took.monitors / jobs:.2f} ms, server {1000 * took.server / jobs:.2f} ms; "
        f"WAL {took.wal / jobs:,.0f} B a job"
    )


def show_sizes(rows: list[Any], jobs: int) -> None:
    total = sum(row[3] + row[4] for row in rows)
    say(
        f"size: {total / 2**20:,.0f} MB, {total / jobs:,.0f} B a job, {total / jobs * 1e6 / 2**30:.1f} GB a million"
    )
    say(f"  {'table':<22} {'rows a job':>10} {'B a job':>8} {'in indexes':>10} {'dead rows':>10}")
    for name, live, dead, heap, index, *_ in rows:
        if (heap + index) / jobs >= 10:
            say(
                f"  {name:<22} {live / jobs:>10.2f} {(heap + index) / jobs:>8.0f} {index / jobs:>10.0f} {dead:>10,}"
            )


def tables(server: Server, database: str, *, analyze: str = "ANALYZE") -> list[Any]:
    with server.connection(database) as connection:
        if analyze:
            connection.execute(analyze)
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT pg_stat_clear_snapshot()")
        return connection.execute(_SIZES).fetchall()


def show_readers(server: Server, database: str, url: str, uuid: str) -> None:
    """How long readers take, and which tables they read through."""
    asked = {
        "list": ["list", "--url", url],
        "statistics of one run": ["statistics", "-s", "all", "-u", uuid, "--url", url],
        "analyzer of one run": ["analyzer", "-u", uuid, "--url", url],
        "site prune --dry-run": ["site", "prune", "--url", url, "--older-than", "1h", "--dry-run"],
    }
    for name, words in asked.items():
        before = {row[0]: row[5:] for row in tables(server, database, analyze="")}
        begin, cpu = time.monotonic(), cpu_of(server)
        done = subprocess.run([str(BRIDLE), *words], capture_output=True, cwd=BENCH, check=False)
        if done.returncode not in (0, 2):
            sys.exit(f"{name} left with {done.returncode}: {done.stderr.decode()[-2000:]}")
        seconds, server_cpu = time.monotonic() - begin, cpu_of(server) - cpu
        through = []
        for row in tables(server, database, analyze=""):
            scans, rows = row[5] - before[row[0]][0], row[6] - before[row[0]][1]
            if rows >= 1000:
                through.append(f"{row[0]} {scans}x ({rows:,} rows)")
        say(
            f"{name}: {seconds:.2f} s, server {server_cpu:.2f} s CPU; read through: {', '.join(through) or 'none'}"
        )


def show_prune(server: Server, database: str, url: str, runs: int) -> None:
    """Take half of the runs out."""
    with server.connection(database) as connection:
        connection.execute(
            "UPDATE workflowstate SET timestamp = extract(epoch FROM now()) "
            "WHERE wf_id IN (SELECT wf_id FROM workflow ORDER BY wf_id LIMIT %s)",
            [runs // 2],
        )
    before, wal, begin = cpu_of(server), wal_of(server, database), time.monotonic()
    words = ["site", "prune", "--url", url, "--older-than", "1h", "--unnamed-files", "--json"]
    done = subprocess.run([str(BRIDLE), *words], stdout=subprocess.PIPE, cwd=BENCH, check=True)
    seconds, found = time.monotonic() - begin, json.loads(done.stdout)
    rows = found["rows"]
    say(
        f"prune of {sum(run['goes'] for run in found['runs'])} runs: {rows:,} rows in {seconds:.1f} s, "
        f"{rows / seconds:,.0f} rows/s; server {cpu_of(server) - before:.1f} s CPU, "
        f"WAL {(wal_of(server, database) - wal) / 2**20:,.0f} MB"
    )


@contextmanager
def started() -> Iterator[Server]:
    place = BENCH / "server"
    server = Server(PROGRAMS, place, SETTINGS)
    server.start()
    try:
        yield server
    finally:
        server.remove()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--monitors", type=int, default=8, choices=range(2, GENERATED + 1), metavar="N")
    parser.add_argument("--jobs", type=int, default=200, help="workers of each run (200)")
    parser.add_argument("--same-files", action="store_true", help="all runs write files of the same names")
    given = parser.parse_args()
    shutil.rmtree(BENCH, ignore_errors=True)
    BENCH.mkdir(parents=True)
    runs = generate(range(1, given.monitors + 1), given.jobs, same_files=given.same_files)
    jobs = given.jobs + 4
    with started() as server:
        url = server.new_database()
        database = url.partition("?")[0].rpartition("/")[2]
        show_took("one monitor", jobs, stored(runs[:1], url, server, database))
        others = len(runs) - 1
        with Waits(database, server) as waits:
            took = stored(runs[1:], url, server, database)
        show_took(f"{others} monitors at once", jobs * others, took)
        for line in waits.lines():
            say(line)
        show_sizes(tables(server, database), jobs * len(runs))
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT wf_uuid FROM workflow ORDER BY wf_id LIMIT 1").fetchone()
        show_readers(server, database, url, str(row and row[0]))
        show_prune(server, database, url, len(runs))
        show_sizes(tables(server, database, analyze="VACUUM (ANALYZE)"), jobs * len(runs))
        (again,) = generate(range(given.monitors + 1, given.monitors + 2), given.jobs, same_files=False)
        show_took("one monitor, with the indexes of a prune", jobs, stored([again], url, server, database))


if __name__ == "__main__":
    main()
