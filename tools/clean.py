"""clean.py BUILD: stop every pool of the checkout, by pid, then remove BUILD, its workplace and the tools' caches."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workplace import workplace

from planner_ext.pool.pool import Pool
from planner_ext.pool.processes import DAEMON_MARK, environment_of, send, wait_for


def main(build: Path) -> None:
    checkout = build.resolve().parent
    for place in {build.resolve(), workplace(checkout)}:
        _remove(place)
    for name in (
        "__pycache__",
        ".ruff_cache",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".import_linter_cache",
    ):
        for folder in checkout.rglob(name):
            shutil.rmtree(folder, ignore_errors=True)


def _remove(build: Path) -> None:
    for settings in sorted(build.rglob("pool.json")):
        pool = Pool(settings.parent)
        if pool.processes.all():
            pool.stop(limit=5)
            print(f"stopped the pool in {settings.parent}")
    _stop_strays(build)
    shutil.rmtree(build, ignore_errors=True)


def _stop_strays(build: Path) -> None:
    """Daemons of pools below `build` whose directory somebody removed under them."""
    mark = f"{DAEMON_MARK}={build}/".encode()

    def none_left() -> bool:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        left = [pid for pid in pids if mark in environment_of(pid)]
        send(left, signal.SIGKILL)
        return not left

    wait_for(none_left, 10)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
