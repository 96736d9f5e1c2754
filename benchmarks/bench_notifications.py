"""How fast notifications are delivered, and what that costs the reading of the logs meanwhile.

Makes two submit directories below build/bench that have run (recorded_run.py). 1,000 rules name 1,000 of their jobs;
each script is a process of its own (/bin/sh, which writes its key into a file), and is counted only if it ran once.

- How fast: of 1,000 jobs, nearly all are due before the first script has ended. From the first one's start to the last
  one's end, as the outbox has it.
- What it costs: of 10,000 jobs, each tenth has a rule, so that scripts run all the time in which the logs are read. A
  monitor stores all of it, several times, by turns without the rules and with them, each time from nothing; the least
  of each kind is compared. Until the last line of the logs is stored: the processor seconds of the monitor's own
  process, with its part in the delivery (not the runner's, not the scripts'), and the wall seconds, in which all of
  them compete for the cores. Wall seconds say little while other work does, too.

- All at once: with --at-once, so many jobs have ended before anybody delivers. How long `bridle monitord --deliver`
  takes then, and the memory of its largest process.

    make bench                                              # a minute
    build/venv/bin/python benchmarks/bench_notifications.py --rounds 9
    build/venv/bin/python benchmarks/bench_notifications.py --at-once 100000
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from dag_rewriter.directory.confirmed import confirm
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench"
HOOKS = 1000
LEAST_RATE, MOST_SLOWED = 100, 1.10
_HOOK = """\
#!/bin/sh
echo "$BRIDLE_NOTIFICATION_KEY" >>'{log}'
"""


class Stored(NamedTuple):
    """A monitor's seconds until the logs were stored."""

    cpu: float
    wall: float


class Bench(NamedTuple):
    """A run, and the script that its rules name."""

    submit_dir: SubmitDir
    hook: Path
    log: Path

    def forget(self) -> None:
        """Take away what a monitor has stored, and the rules."""
        for path in self.submit_dir.path.glob(f"{self.submit_dir.database.name}*"):
            path.unlink()
        for path in (self.submit_dir.bridle_notify, self.log):
            path.unlink(missing_ok=True)

    def give(self, rules: str) -> None:
        """The run has these rules, and its user says so."""
        self.submit_dir.bridle_notify.write_text(rules)
        confirm(self.submit_dir.bridle_notify, rules.encode())


def made(jobs: int) -> Bench:
    """A run of some jobs that is over. Another process makes it: a child shows its parent's memory as its own."""
    folder = BENCH / f"notifications-{jobs}"
    shutil.rmtree(folder, ignore_errors=True)
    script = Path(__file__).with_name("recorded_run.py")
    done = subprocess.run(
        [sys.executable, script, folder, str(jobs)], stdout=subprocess.PIPE, text=True, check=True
    )
    submit_dir = open_submit_dir(Path(done.stdout.strip()))
    bench = Bench(submit_dir, folder / "hook.sh", folder / "hook.log")
    bench.hook.write_text(_HOOK.format(log=bench.log))
    bench.hook.chmod(0o755)
    return bench


def rules(bench: Bench) -> str:
    """A rule for the final outcome of 1,000 jobs, evenly over the run."""
    lines = bench.submit_dir.dag_file.read_text().splitlines()
    workers = [line.split()[1] for line in lines if line.startswith("JOB work_")]
    chosen = workers[:: len(workers) // HOOKS][:HOOKS]
    return "".join(f"JOB {name} end/final {bench.hook}\n" for name in chosen)


def watched(bench: Bench, rules: str) -> tuple[Stored, int]:
    """A monitor of its own, from nothing to the end; how many scripts had ended when the logs were stored."""
    bench.forget()
    bench.give(rules)
    command = [sys.executable, __file__, "--watched", str(bench.submit_dir.path), str(bench.log)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    cpu, wall, meanwhile = json.loads(done.stdout)
    return Stored(cpu, wall), meanwhile


def watch(path: Path, log: Path) -> None:
    """Be that monitor; print the seconds and the number."""
    from monitord_job.monitor import session
    from monitord_job.monitor.daemon import Monitor
    from monitord_job.monitor.limits import Limits

    began = time.perf_counter()
    deliver_the_rest = Monitor._deliver_now  # noqa: SLF001 - the moment between the logs and the rest

    def stored(self: Monitor) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        ended = log.read_bytes().count(b"\n") if log.exists() else 0
        print(json.dumps([usage.ru_utime + usage.ru_stime, time.perf_counter() - began, ended]), flush=True)
        deliver_the_rest(self)

    Monitor._deliver_now = stored  # type: ignore[method-assign] # noqa: SLF001
    session.catch_up(open_submit_dir(path), Limits(), notify=True)


def rate(bench: Bench) -> float:
    """Scripts a second, from the first one's start to the last one's end. Stops if not each ran once."""
    with closing(sqlite3.connect(bench.submit_dir.database)) as database:
        ((count, seconds),) = database.execute(
            "SELECT count(*), max(ended) - min(started) FROM bridle_notification WHERE state = 'delivered'"
        )
    keys = bench.log.read_text().split()
    if not count == len(keys) == len(set(keys)) == HOOKS:
        sys.exit(f"{count} are delivered and {len(keys)} scripts ran, not {HOOKS}")
    return float(count / seconds)


def verdict(name: str, value: str, target: str, met: bool) -> None:
    print(f"| {name} | {value} | {target} | {'yes' if met else 'NO'} |")


def how_fast(rounds: int) -> None:
    bench = made(HOOKS)
    rates = []
    for _ in range(rounds):
        watched(bench, rules(bench))
        rates.append(rate(bench))
    best = max(rates)
    verdict(
        f"{HOOKS:,} scripts that are due at once", f"{best:.0f}/s", f">= {LEAST_RATE}/s", best >= LEAST_RATE
    )


def all_at_once(jobs: int) -> None:
    bench = made(jobs)
    bench.give(f"JOB * end/final {bench.hook}\n")
    bench.submit_dir.notifying.write_text(
        "1\n"
    )  # as a rewrite says it: who stores rows makes notifications due
    bridle("monitord", "--catch-up", bench)
    (due,) = outbox(bench, "SELECT count(*) FROM bridle_notification WHERE state = 'due'")
    seconds, megabytes = bridle("monitord", "--deliver", bench)
    (delivered,) = outbox(bench, "SELECT count(*) FROM bridle_notification WHERE state = 'delivered'")
    keys = bench.log.read_text().split()
    all_of_them = due == delivered == len(keys) == len(set(keys))
    value = f"{due:,} due, {delivered:,} delivered, {len(keys):,} scripts; {seconds:.0f} s, {megabytes} MB"
    verdict("due before anybody delivers", value, "each delivered, once", all_of_them and due >= jobs)


def bridle(command: str, mode: str, bench: Bench) -> tuple[float, int]:
    """Seconds, and megabytes of the largest process."""
    began = time.perf_counter()
    words = [str(Path(sys.executable).with_name("bridle")), command, mode, str(bench.submit_dir.path)]
    _, status, usage = os.wait4(os.posix_spawn(words[0], words, os.environ), 0)
    if status:
        sys.exit(f"{' '.join(words)}: {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_maxrss >> 10


def outbox(bench: Bench, query: str) -> tuple[int]:
    with closing(sqlite3.connect(bench.submit_dir.database)) as database:
        return tuple(database.execute(query).fetchone())


def what_it_costs(jobs: int, rounds: int) -> None:
    bench = made(jobs)
    without, beside = [], []
    for _ in range(rounds):
        without.append(watched(bench, "")[0])
        seconds, meanwhile = watched(bench, rules(bench))
        beside.append(seconds)
        rate(bench)
    for what in Stored._fields:
        alone, loaded = (min(getattr(one, what) for one in kind) for kind in (without, beside))
        ratio = loaded / alone
        name = f"{what} s to store {jobs:,} jobs: with {meanwhile} scripts meanwhile / without"
        value, target = f"{loaded:.2f} / {alone:.2f} = {ratio:.2f}x", f"<= {MOST_SLOWED:.2f}x"
        verdict(name, value, target, ratio <= MOST_SLOWED)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10 * HOOKS, help=f"at least {HOOKS}")
    parser.add_argument("--rounds", type=int, default=3, help="of each kind")
    parser.add_argument(
        "--at-once", type=int, metavar="N", help="so many that are due at once, and nothing else"
    )
    parser.add_argument("--watched", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watched:
        watch(*options.watched)
        return
    BENCH.mkdir(parents=True, exist_ok=True)
    os.environ["HOME"] = str(BENCH / "notifications-home")  # where it stands which rules are confirmed
    print("\n| notifications | measured | target | met |\n|---|---|---|---|")
    if options.at_once:
        all_at_once(options.at_once)
    else:
        how_fast(options.rounds)
        what_it_costs(max(options.jobs, HOOKS), options.rounds)
    for folder in BENCH.glob("notifications-*"):
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
