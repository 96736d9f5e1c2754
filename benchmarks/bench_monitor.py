"""How fast `bridle monitord` is, beside pegasus-monitord on the same submit directory in the same run.

Makes submit directories below build/bench that have run (recorded_run.py) and times `bridle monitord --catch-up` on
each as a whole process, from its start to the last commit; pegasus-monitord -r, from build/peer, on the smallest. Then
a monitor that died at 90% of the largest run is started again, and one follows a directory live: first in silence, then
with a hundred lines a second in its log. Processor seconds are the fairer measure on a machine with other work.

    make bench                                                    # 1,000 and 10,000 jobs, some five minutes
    make bench MONITOR_ARGS='--sizes 1000 10000 100000'           # and 100,000: 1.7 GB below build, ten minutes
    make bench MONITOR_ARGS='--sizes 10000 --no-peer'
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench"
PEER = Path(os.environ.get("BRIDLE_PEER", ROOT / "build" / "peer"))
BRIDLE = Path(sys.executable).with_name("bridle")
PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
TABLES = (
    "job",
    "task",
    "job_edge",
    "job_instance",
    "jobstate",
    "invocation",
    "rc_lfn",
    "rc_meta",
    "workflowstate",
)
READ_BY_DAGMAN = (b" SUBMIT ", b" EXECUTE ", b" JOB_TERMINATED ", b" POST_SCRIPT_TERMINATED ")
"""The states for which recorded_run.py has written one event to the nodes.log before."""
EVENT_END = b"\n...\n"
RATE = 100
IDLE_SECONDS = 10.0


class Took(NamedTuple):
    """One process."""

    seconds: float
    cpu: float
    megabytes: float
    """the most that it had in memory"""


class Run(NamedTuple):
    """A submit directory that has run, and its logs as they were at its end."""

    path: Path
    jobs: int
    base: str = "fan-0"

    @property
    def states(self) -> Path:
        return self.path / f"{self.base}.bridle.jobstate.log"

    @property
    def events(self) -> Path:
        return self.path / f"{self.base}.dag.nodes.log"

    @property
    def database(self) -> Path:
        return self.path / f"{self.base}.stampede.db"

    def forget(self) -> None:
        """Take away what a monitor has stored."""
        for path in self.path.glob(f"{self.database.name}*"):
            path.unlink()


class Latency(NamedTuple):
    """Seconds from a line in the log to its row, over all lines."""

    lines: int
    median: float
    worst: float


class Live(NamedTuple):
    """A monitor that follows: the share of one core and wake-ups a second in silence, and how soon it stores."""

    idle: float
    wakeups: float
    latency: Latency


def compile_ours() -> None:
    """As pip does with what it installs, the peer among it."""
    for package in PACKAGES:
        compileall.compile_dir(ROOT / package, quiet=2)


def generated(jobs: int) -> Run:
    """A run of about so many jobs, made by a process of its own: a child shows its parent's memory as its own."""
    folder = BENCH / f"run-{jobs}"
    shutil.rmtree(folder, ignore_errors=True)
    script = Path(__file__).with_name("recorded_run.py")
    done = subprocess.run(
        [sys.executable, script, folder, str(jobs)], stdout=subprocess.PIPE, text=True, check=True
    )
    path = Path(done.stdout.strip())
    with (path / "fan-0.dag").open() as dag:
        return Run(path, sum(line.startswith("JOB ") for line in dag))


def took(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> Took:
    """Runs a process to its end; stops if it fails."""
    started = time.perf_counter()
    with (BENCH / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"{' '.join(command)} failed in {cwd}:\n{(BENCH / 'output.txt').read_text()[-2000:]}")
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def least(rounds: int, each: Sequence[Callable[[], Took]]) -> list[Took]:
    """Of several processes that do the same, the one that took the least: noise only ever adds.

    They take turns: a machine that is slow for a while is slow for all of them.
    """
    times = [[one() for one in each] for _ in range(rounds)]
    return [min(column, key=lambda took: took.cpu) for column in zip(*times, strict=True)]


def afresh(run: Run) -> Took:
    """Ours, from the beginning."""
    run.forget()
    cost = catch_up(run)
    require_rows(run)
    return cost


def catch_up(run: Run) -> Took:
    """Ours, on what is not stored yet."""
    return took([str(BRIDLE), "monitord", "--catch-up", "."], run.path)


def replay(run: Run, rows: list[dict[str, int]]) -> Took:
    """The peer's, and how many rows it made.

    Its dashboard database goes to a home of its own, and its times are those of dagman.out.
    """
    home = BENCH / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (script,) = PEER.glob("lib/python3.*/site-packages/Pegasus/cli/pegasus-monitord.py")
    run.forget()
    environment = {"HOME": str(home), "PEGASUS_HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC"}
    command = [str(PEER / "bin" / "python"), str(script), "-r", "fan-0.dag.dagman.out"]
    cost = took(command, run.path, environment)
    rows.append(counted(run))
    return cost


def counted(run: Run) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(run.database)) as database:
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def require_rows(run: Run) -> None:
    """Stop if something of the run is missing: a monitor that does nothing is fast."""
    rows, lines = counted(run), run.states.read_bytes().count(b"\n")
    if rows["jobstate"] != lines - 2 or rows["job"] != run.jobs or rows["workflowstate"] != 2:
        sys.exit(f"{run.path}: {rows} of {run.jobs} jobs and {lines} lines")


def cut(run: Run, share: float) -> tuple[list[bytes], list[bytes]]:
    """Cut both logs in the middle of the run; the lines and the events that are left to come."""
    lines = run.states.read_bytes().splitlines(keepends=True)
    events = [event + EVENT_END for event in run.events.read_bytes().removesuffix(EVENT_END).split(EVENT_END)]
    kept = int(len(lines) * share)
    read = sum(has_event(line) for line in lines[:kept])
    run.states.write_bytes(b"".join(lines[:kept]))
    run.events.write_bytes(b"".join(events[:read]))
    return lines[kept:], events[read:]


def has_event(line: bytes) -> bool:
    """Whether DAGMan wrote the line because of an event of the nodes.log."""
    return any(word in line for word in READ_BY_DAGMAN)


def append(path: Path, pieces: list[bytes]) -> None:
    with path.open("ab") as stream:
        stream.writelines(pieces)


def restarted(run: Run) -> tuple[Took, Took]:
    """The first 90% of a run, and then what is left, each by a monitor of its own."""
    run.forget()
    lines, events = cut(run, 0.9)
    first = catch_up(run)
    append(run.events, events)
    append(run.states, lines)
    second = catch_up(run)
    require_rows(run)
    return first, second


def live(run: Run) -> Live:
    """A monitor that follows a run in its middle: ten seconds of silence, then the rest at a hundred lines a second."""
    run.forget()
    lines, events = cut(run, 0.5)
    dagman_log = run.path / "fan-0.dag.dagman.log"
    whole = dagman_log.read_bytes()
    dagman_log.write_bytes(whole[: whole.index(b"\n005 ") + 1])
    before = run.states.read_bytes().count(b"\n") - 1
    with following(run) as pid:
        until_stored(run, before)
        started, cpu, switches = time.perf_counter(), cpu_seconds(pid), wakeups(pid)
        time.sleep(IDLE_SECONDS)  # the measurement itself
        seconds = time.perf_counter() - started
        idle, woken = (cpu_seconds(pid) - cpu) / seconds, (wakeups(pid) - switches) / seconds
        latency = written_live(run, lines[: 10 * RATE], events, before)
    return Live(idle, woken, latency)


@contextmanager
def following(run: Run, *options: str) -> Iterator[int]:
    """A monitor at work on the run; its process id."""
    command = [str(BRIDLE), "monitord", "--follow", "--drain", "0", *options, f"{run.base}.dag"]
    process = subprocess.Popen(command, cwd=run.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def stored(run: Run) -> int:
    """How many states are committed; 0 while there is no table, or while one is written this instant."""
    try:
        with closing(sqlite3.connect(f"file:{run.database}?mode=ro", uri=True, timeout=0)) as database:
            return int(database.execute("SELECT max(rowid) FROM jobstate").fetchone()[0] or 0)
    except sqlite3.OperationalError:
        return 0


def until_stored(run: Run, rows: int) -> None:
    deadline = time.monotonic() + 120
    while stored(run) < rows:
        if time.monotonic() > deadline:
            sys.exit(f"{run.path}: the monitor that follows has stored {stored(run)} of {rows} states")
        time.sleep(0.05)


def written_live(run: Run, lines: list[bytes], events: list[bytes], before: int) -> Latency:
    """Write the lines at their rate, each after its event, and look every 20 ms what is committed."""
    waiting = iter(events)
    written: list[float] = []
    latencies: list[float] = []
    begin = time.perf_counter()
    with run.states.open("ab", buffering=0) as states, run.events.open("ab", buffering=0) as log:
        while len(latencies) < len(lines):
            now = time.perf_counter()
            due = min(len(lines), int((now - begin) * RATE) + 1)
            for line in lines[len(written) : due]:
                if has_event(line):
                    log.write(next(waiting))
                states.write(line)
                written.append(time.perf_counter())
            rows = stored(run) - before
            seen = time.perf_counter()
            latencies += [seen - then for then in written[len(latencies) : rows]]
            if now - begin > len(lines) / RATE + 60:
                sys.exit(f"{run.path}: {len(latencies)} of {len(lines)} lines stored a minute after the last")
            time.sleep(0.02)
    latencies.sort()
    return Latency(len(lines), latencies[len(latencies) // 2], latencies[-1])


def cpu_seconds(pid: int) -> float:
    """User and system seconds so far, to a hundredth."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def wakeups(pid: int) -> int:
    """How often the process has gone to sleep by itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def verdict(name: str, value: str, target: str, met: bool) -> None:
    print(f"| {name} | {value} | {target} | {'yes' if met else 'NO'} |")


def show_table(ours: list[tuple[Run, Took]], peer: Took | None) -> None:
    print("| jobs | wall s | CPU s | CPU ms/job | jobs/s (wall) | peak RSS |")
    print("|---|---|---|---|---|---|")
    rows = [(f"{run.jobs:,}", run, took) for run, took in ours]
    if peer is not None:
        rows.append((f"{ours[0][0].jobs:,} (pegasus-monitord)", ours[0][0], peer))
    for name, run, taken in rows:
        each = f"{1000 * taken.cpu / run.jobs:.3f}"
        pace = f"{run.jobs / taken.seconds:,.0f}"
        print(
            f"| {name} | {taken.seconds:.2f} | {taken.cpu:.2f} | {each} | {pace} | {taken.megabytes:.0f} MB |"
        )


def show_ratios(ours: list[tuple[Run, Took]], peer: Took | None) -> None:
    """Against the aims of docs/monitoring.md.

    The peer's cost for each job is the same at any size (linear up to 100,000).
    """
    small, small_took = ours[0]
    for run, taken in ours[1:]:
        if peer is not None:
            cpu = peer.cpu / small.jobs / (taken.cpu / run.jobs)
            wall = peer.seconds / small.jobs / (taken.seconds / run.jobs)
            verdict(f"CPU per job at {run.jobs:,}: peer / ours", f"{cpu:.0f}x", ">= 100x", cpu >= 100)
            verdict(f"wall per job at {run.jobs:,}: peer / ours", f"{wall:.0f}x", ">= 60x", wall >= 60)
        growth = taken.cpu / run.jobs / (small_took.cpu / small.jobs)
        name = f"CPU per job at {run.jobs:,} / at {small.jobs:,}"
        verdict(name, f"{growth:.2f}x", "<= 1.2x", growth <= 1.2)
    run, taken = ours[-1]
    verdict(f"peak RSS at {run.jobs:,}", f"{taken.megabytes:.0f} MB", "< 250 MB", taken.megabytes < 250)


def show_restart(run: Run, whole: Took) -> None:
    _, second = restarted(run)
    need = whole.seconds / 10
    name = f"restart at 90% of {run.jobs:,}: beyond the {need:.1f} s of the rest"
    verdict(name, f"{second.seconds - need:+.1f} s", "< 5 s", second.seconds - need < 5)


def show_live(run: Run) -> None:
    figures = live(run)
    verdict(
        f"idle, following {run.jobs:,} jobs", f"{figures.idle:.2%} of a core", "< 1%", figures.idle < 0.01
    )
    verdict("wake-ups of the idle monitor", f"{figures.wakeups:.1f}/s", "< 10/s", figures.wakeups < 10)
    latency = figures.latency
    name = f"line to row, {latency.lines} lines at {RATE}/s"
    verdict(name, f"median {latency.median:.2f} s, worst {latency.worst:.2f} s", "< 1 s", latency.worst < 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000], help="jobs, rising")
    parser.add_argument(
        "--no-peer", action="store_true", help="leave pegasus-monitord out; it takes a minute"
    )
    parser.add_argument("--times", type=int, default=3, help="runs of each, of which the least counts (3)")
    parser.add_argument("--no-live", action="store_true", help="leave out the monitor that follows; 25 s")
    parser.add_argument("--keep", action="store_true", help="leave the submit directories below build/bench")
    options = parser.parse_args()
    BENCH.mkdir(parents=True, exist_ok=True)
    compile_ours()
    runs = [generated(size) for size in options.sizes]
    theirs: list[dict[str, int]] = []
    peers = [] if options.no_peer else [partial(replay, runs[0], theirs)]
    tooks = least(options.times, [*peers, *(partial(afresh, run) for run in runs)])
    peer = tooks.pop(0) if peers else None
    ours = list(zip(runs, tooks, strict=True))
    if any(rows != counted(runs[0]) for rows in theirs):
        sys.exit(f"{runs[0].path}: ours {counted(runs[0])}, the peer's {theirs[0]}")
    print(f"Least of {options.times} runs each, ours and the peer's, by CPU.\n")
    show_table(ours, peer)
    print("\n| what | measured | target | met |\n|---|---|---|---|")
    show_ratios(ours, peer)
    show_restart(*ours[-1])
    if not options.no_live:
        show_live(runs[0])
    if not options.keep:
        for size in options.sizes:
            shutil.rmtree(BENCH / f"run-{size}")


if __name__ == "__main__":
    main()
