"""Whether a submit directory is in use right now."""

from __future__ import annotations

import re

from dag_rewriter import files
from dag_rewriter.directory.dagman_places import leading_dag
from dag_rewriter.directory.submit_dir import SubmitDir, open_dag
from dag_rewriter.errors import RunningError

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


def refuse_beside_others(submit_dir: SubmitDir) -> None:
    """Raises RunningError while a DAGMan runs the DAG as one with others that were submitted before it."""
    first = None if submit_dir.is_planned else leading_dag(submit_dir.dag_file, submit_dir.condor_sub)
    if first is not None and dagman_lives(open_dag(first)):
        what = f"DAGMan is running this DAG as one with {first}"
        raise RunningError(str(submit_dir.dag_file), what, "wait until they have ended, or `bridle remove`")


def monitor_lives(submit_dir: SubmitDir) -> bool:
    """Whether a monitor holds its lock; it may outlive DAGMan, until everything is recorded."""
    return files.is_locked(submit_dir.lock)
