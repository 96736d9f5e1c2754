"""Stands for pegasus-cluster: runs the tasks of a list on stdin one after the other.

Usage: clusterer [-f] < LIST      -f: stop at the first task that fails (pegasus-cluster's fail hard)
The list: one command a line; lines that begin with # and empty ones are skipped, but counted in `line=`.
A [cluster-task] line follows each task, a [cluster-summary] line the last.
Leaves with 0, with 5 after a failure.
"""

from __future__ import annotations

import os
import shlex
import sys
import time

from .run_command import executable_of, run
from .text import iso_time

FAILED = 5
_WITH_VALUE = "niNRLTsSoeIlwWkK"  # kickstart's options that take a value


def application_of(words: list[str]) -> str:
    """The program that a kickstart command line runs: report.c find_application().

    >>> application_of(["/b/pegasus-kickstart", "-n", "work", "-H", "/b/keg", "-a"])
    '/b/keg'
    """
    if not os.path.basename(words[0]).startswith("pegasus-kickstart"):
        return words[0]
    index = 1
    while index < len(words) and words[index].startswith("-"):
        takes_value = words[index][1:2] in _WITH_VALUE and len(words[index]) == 2
        index += 2 if takes_value else 1
    return words[min(index, len(words) - 1)]


def main(argv: list[str]) -> int:
    """Run the list on stdin; the lines go to stdout between the tasks' own."""
    fail_hard, begun = "-f" in argv, time.time()
    line_no = tasks = failed = 0
    for line_no, line in enumerate(sys.stdin, start=1):
        words = [] if line.startswith("#") else shlex.split(line)
        if not words:
            continue
        tasks += 1
        failed += _run_task(tasks, line_no, words) != 0
        if failed and fail_hard:
            break
    _say(
        f'[cluster-summary stat="ok", lines={line_no}, tasks={tasks}, succeeded={tasks - failed}, '
        f"failed={failed}, extra=0, duration={time.time() - begun:.3f}, "
        f'start="{iso_time(begun, millis=True)}", pid={os.getpid()}, '
        f'app="{os.environ.get("STANDIN_NAME", "pegasus-cluster")}"]'
    )
    return FAILED if failed else 0


def _run_task(task: int, line_no: int, words: list[str]) -> int:
    start, (executable, error) = time.time(), executable_of(words[0], os.environ.get("PATH"))
    raw, pid = 127 << 8, 0
    if not error:
        ended = run(executable, words, (os.open(os.devnull, os.O_RDONLY), 1, 2), dict(os.environ))
        raw, pid = ended.raw, ended.pid
    _say(
        f'[cluster-task id={task}, start="{iso_time(start, millis=True)}", '
        f"duration={time.time() - start:.3f}, "
        f'status={raw}, line={line_no}, pid={pid}, app="{application_of(words)}"]'
    )
    return raw


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
