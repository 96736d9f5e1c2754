"""How fast the readers are: statistics -s all beside pegasus-statistics on the same database, analyzer, status, jobs,
report, plots.

Makes databases below build/bench (generated_database.py) and times whole processes: ours on each of them, the peer's,
from build/peer, on the smallest. Processor seconds are the fairer measure on a machine with other work. With
--postgresql, the same rows lie in a server, too; the last columns say how many times as long as SQLite it took.

    make bench                                              # 100,000 jobs, one or two minutes
    make bench STATISTICS_ARGS='--sizes 100000 1000000'     # 2 GB below build, ten minutes
    make bench STATISTICS_ARGS='--postgresql'
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench_site import PROGRAMS, SETTINGS
from generated_database import NAME, copy_to_postgresql, make

from monitord_job.lock import alone
from tests.support.postgresql import Server

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench"
PEER = Path(os.environ.get("BRIDLE_PEER", ROOT / "build" / "peer"))
BRIDLE = Path(sys.executable).with_name("bridle")


READERS = {
    "statistics": (["-i", "-s", "all", "-o", "{out}"], 0),
    "analyzer": (["--ignore-db-inconsistency"], 2),
    "status": ([], 0),
    "jobs": (["--csv"], 0),
    "report": (["-i", "-o", "{out}.html"], 0),
    "plots": (["-i", "-o", "{out}-plots"], 0),
}
"""By command: its options, and what it exits with for a run of which some jobs failed."""


class Took(NamedTuple):
    """One process."""

    seconds: float
    cpu: float
    megabytes: float


def timed(command: Sequence[str], log: Path, code: int = 0) -> Took:
    """Run it, which must exit with this code; what it says goes to a file."""
    environment = {**os.environ, "HOME": str(BENCH), "PEGASUS_HOME": str(BENCH)}
    begin = time.monotonic()
    with log.open("wb") as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), stream) for stream in (1, 2)]
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    said = log.read_text(errors="replace")
    if os.waitstatus_to_exitcode(status) != code or "\nError" in f"\n{said}":
        raise SystemExit(f"{' '.join(command)} failed:\n{said[-2000:]}")
    return Took(time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def aside(function: Callable[..., object], *given: object) -> None:
    """Call it in a process of its own: the peak RSS of what is timed begins with the RSS of who starts it."""
    with ProcessPoolExecutor(1) as other:
        other.submit(function, *given).result()


def shown(name: str, jobs: int, took: Took, than: Took | None = None) -> None:
    ratio = "" if than is None else f" {took.seconds / than.seconds:>5.2f} {took.cpu / than.cpu:>5.2f}"
    sys.stdout.write(
        f"{name:<24} {jobs:>9} {took.seconds:>8.1f} {took.cpu:>8.2f} {took.megabytes:>8.0f}{ratio}\n"
    )
    sys.stdout.flush()


def readers(
    folder: Path,
    jobs: int,
    names: Sequence[str],
    url: str | None = None,
    than: Mapping[str, Took] | None = None,
) -> dict[str, Took]:
    """Each of the readers once, on the database beside the DAG or on the one at the URL."""
    out, took = BENCH / "statistics", {}
    for name in names:
        words, code = READERS[name]
        asked = [str(BRIDLE), name, *(word.format(out=out) for word in words), str(folder)]
        if url is not None:
            asked += ["--url", url]
        shutil.rmtree(out, ignore_errors=True)
        with alone(folder / f"{NAME}.bridle.lock", 0.0):  # there are no logs to catch up with
            took[name] = timed(asked, BENCH / f"{name}.log", code=code)
        where = "" if url is None else " (PostgreSQL)"
        shown(f"{name}{where}", jobs, took[name], None if than is None else than[name])
    return took


def beside_postgresql(folder: Path, jobs: int, names: Sequence[str], than: Mapping[str, Took]) -> None:
    """The same with the same rows in a server."""
    server = Server(PROGRAMS, BENCH / "postgresql", SETTINGS)
    server.start()
    try:
        url = server.new_database()
        aside(copy_to_postgresql, folder / f"{NAME}.stampede.db", url)
        readers(folder, jobs, names, url, than)
    finally:
        server.remove()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(READERS), default=list(READERS), metavar="READER")
    given = parser.parse_args()
    sys.stdout.write(f"{'':<24} {'jobs':>9} {'wall s':>8} {'CPU s':>8} {'MB':>8}\n")
    for jobs in given.sizes:
        folder = BENCH / f"database-{jobs}"
        aside(make, folder, jobs)
        took = readers(folder, jobs, given.only)
        if given.postgresql:
            beside_postgresql(folder, jobs, given.only, took)
        if jobs == min(given.sizes) and not given.no_peer:
            (script,) = PEER.glob("lib/python3.*/site-packages/Pegasus/cli/pegasus-statistics.py")
            out = BENCH / "statistics"
            shutil.rmtree(out, ignore_errors=True)
            words = ["-i", "-s", "all", "-o", str(out)]
            command = [str(PEER / "bin" / "python"), str(script), *words, str(folder)]
            shown("pegasus-statistics", jobs, timed(command, BENCH / "theirs.log"))


if __name__ == "__main__":
    main()
