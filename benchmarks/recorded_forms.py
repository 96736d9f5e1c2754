"""The forms that a job's output has in people's runs, made of those that recorded_run.py writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

TASKS = 20
"""Tasks of a clustered job."""
PRINTED = 64 << 10
"""Bytes that a talkative application prints."""
_MULTIPART = """
---------------pegasus-multipart
- transfer_attempts:
  - src_url: "file:///home/scientist/runs/in/f.{0}"
    src_label: "local"
    dst_url: "file:///var/lib/condor/execute/dir_27085/f.{0}"
    dst_label: "condorpool"
    success: True
    start: 1795411734
    duration: 0.1
    lfn: "f.{0}"
    bytes: 177

---------------pegasus-multipart
- integrity_verification_attempts:
  - lfn: "work"
    pfn: "work"
    sha256: c3be63a37e067612da05a9e3bd57501c02b122d9188dd0270f95c4942653c861
    success: True
  - lfn: "f.{0}"
    pfn: "f.{0}"
    sha256: 3c76a04871e2c0490a0f9f25ee7fdf460c3819f0f9454024f394012f6374236a
    success: True
- integrity_summary:
    succeeded: 2
    failed: 0
    duration: 0.043
"""
_TASK = """\
[cluster-task id={0}, start="2026-11-23T05:28:54.238+00:00", duration=0.027, status=0, line={0}, pid=7, app="/opt/work"]
"""
_SUMMARY = """\
[cluster-summary stat="ok", lines={0}, tasks={0}, succeeded={0}, failed=0, extra=0, duration=0.9, \
start="2026-11-23T05:28:54.238+00:00", pid=6, app="/opt/pegasus/bin/pegasus-cluster"]
"""
_DATA = re.compile(r"(?<=      data: \|\n)(?:        .*\n)+")


def _as_it_is(record: str, _: int) -> str:
    return record


def _with_multiparts(record: str, number: int) -> str:
    """PegasusLite with integrity checking: the default of Pegasus 5 (condorio), and nonsharedfs."""
    return record + _MULTIPART.format(number)


def _of_5_0(record: str, _: int) -> str:
    """It left the blanks out of empty lines, and knew no least duration."""
    return record.replace("        \n", "\n").replace("duration: 0.018", "duration: 0.000")


def _with_much_stdout(record: str, number: int) -> str:
    line = f"        step {number} of the simulation: energy -1.2345e+03, {{residual}} [ok] # done: 100%\n"
    return _DATA.sub(line * (PRINTED // len(line)), record, count=1)


def _clustered(record: str, _: int) -> str:
    tasks = "".join(record + _TASK.format(task) for task in range(1, TASKS + 1))
    return tasks + _SUMMARY.format(TASKS)


def _without_kickstart(_: str, number: int) -> str:
    return f"step {number}\nall is well\n"


FORMS: Mapping[str, Callable[[str, int], str]] = MappingProxyType(
    {
        "sharedfs, kickstart 5.1 and later": _as_it_is,
        "sharedfs, kickstart 5.0": _of_5_0,
        "condorio or nonsharedfs, integrity and transfers": _with_multiparts,
        f"{PRINTED >> 10} kB of stdout in each record": _with_much_stdout,
        f"clusters of {TASKS} tasks": _clustered,
        "without kickstart": _without_kickstart,
        "dagman.out the only log": _as_it_is,
    }
)
WITHOUT_JOBSTATE_LOG = "dagman.out the only log"


def give_form(run: Path, form: str) -> None:
    """Rewrite the outputs of all jobs of a submit directory that recorded_run.py has made."""
    change = FORMS[form]
    for number, path in enumerate(sorted(run.glob("*/*/*.out.*"))):
        path.write_text(change(path.read_text(), number))
    if form == WITHOUT_JOBSTATE_LOG:
        for path in run.glob("*.bridle.jobstate.log"):
            path.unlink()
