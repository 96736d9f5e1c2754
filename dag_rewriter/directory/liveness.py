"""Whether a submit directory is in use right now."""

from __future__ import annotations

import re

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir

_PID = re.compile(rb"^PID = ([0-9]{1,10})(?![0-9])", re.MULTILINE)


def dagman_lives(submit_dir: SubmitDir) -> bool:
    """Whether a DAGMan runs the DAG: 25 holds a lock on X.dag.lock, 23 writes its process id into it."""
    lock = submit_dir.dagman_lock
    if not lock.exists():
        return False
    if files.is_locked(lock):
        return True
    pid = _PID.search(files.read_if_there(lock, files.SMALL) or b"")
    return pid is not None and b"condor_dagman" in files.read_process(int(pid[1]), "cmdline")


def monitor_lives(submit_dir: SubmitDir) -> bool:
    """Whether a monitor holds its lock; it may outlive DAGMan, until everything is recorded."""
    return files.is_locked(submit_dir.lock)
