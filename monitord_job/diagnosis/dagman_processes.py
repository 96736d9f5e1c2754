"""Living DAGMans of a DAG on this host, also those that no queue knows (looks at /proc)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.diagnosis.run_states import Process

_DAG = re.compile(rb"\0-[Dd]ag\0([^\0]+)")
_JOB = re.compile(rb"(?:^|\0)CONDOR_ID=([0-9.]+)")
_PARENT = re.compile(rb"^PPid:\t(\d+)", re.MULTILINE)


def dagman_processes(submit_dir: SubmitDir) -> tuple[Process, ...]:
    """Those that run the DAG, whoever started them."""
    dag = submit_dir.dag_file.resolve()
    return tuple(_process(pid) for pid in _dagmans() if _runs(pid, dag))


def _dagmans() -> Iterator[int]:
    for name in (entry.name for entry in Path("/proc").iterdir()):
        if name.isdecimal() and _program(int(name)) == "condor_dagman":
            yield int(name)


def _program(pid: int) -> str:
    """By /proc's link, not by its words: HTCondor 23 calls any job of the scheduler universe condor_scheduniv_exec."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def _runs(pid: int, dag: Path) -> bool:
    named = _DAG.search(files.read_process(pid, "cmdline"))
    try:
        here = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    return named is not None and (here / os.fsdecode(named[1])).resolve() == dag


def _process(pid: int) -> Process:
    job = _JOB.search(files.read_process(pid, "environ"))
    parent = _PARENT.search(files.read_process(pid, "status"))
    owner = _program(int(parent[1])) if parent else ""
    return Process(pid, job[1].decode() if job else "", owner != "condor_schedd")
