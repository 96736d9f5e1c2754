"""Running workflows on a pool from tests, with the `bridle` command itself."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from planner_ext.pool.pool import Pool
from tests.support.database import Rows, dump, query
from tests.support.json_documents import check, name_of

BRIDLE = Path(sys.executable).with_name("bridle")
RUN_LIMIT = 240
"""Seconds that a run may take."""


def bridle(pool: Pool, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What `bridle WORDS` does and prints, in the pool's environment."""
    command = [str(BRIDLE), *words]
    done = subprocess.run(
        command,
        env=pool.environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT,
        check=False,
    )
    if "--json" in words and name_of(words) is not None and done.stdout:
        check(name_of(words), done.stdout)
    return done


def until(condition: Callable[[], Any], what: str, limit: float = RUN_LIMIT) -> Any:
    """Look again and again until something is true; that value. Fails the test after `limit` seconds."""
    deadline = time.monotonic() + limit
    while (began := time.monotonic()) < deadline:
        value = condition()
        if value:
            return value
        # Between two looks at a condition with a limit; a costly look (condor_q) is taken seldom.
        time.sleep(max(0.1, 3 * (time.monotonic() - began)))
    raise AssertionError(f"not within {limit} s: {what}")


def queue(pool: Pool) -> list[dict[str, Any]]:
    """The jobs in the pool's queue."""
    wanted = "ClusterId,Iwd,JobUniverse,JobPrio,JobStatus,DAGNodeName,DAGManJobId,BridleMonitor"
    done = subprocess.run(
        ["condor_q", "-allusers", "-json", "-attributes", wanted],
        env=pool.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


def submitted(pool: Pool, path: Path) -> SubmitDir:
    """Start a run with `bridle run`."""
    done = bridle(pool, "run", str(path))
    assert done.returncode == 0, done.stderr
    return open_submit_dir(path)


def succeeded(submit_dir: SubmitDir) -> int:
    """How many attempts have ended well, as the database has it now."""
    if not submit_dir.database.exists():
        return 0
    try:
        ((count,),) = query(submit_dir.database, "SELECT count(*) FROM job_instance WHERE exitcode = 0")
    except sqlite3.OperationalError:
        return 0  # the tables are not made yet
    assert isinstance(count, int)
    return count


def ended(submit_dir: SubmitDir) -> bool:
    """Whether the monitor has stored everything and left."""
    return (submit_dir.path / "monitord.done").exists()


def monitor_pid(submit_dir: SubmitDir) -> int | None:
    """The process id of the monitor at work; None if none has begun."""
    mark, log = submit_dir.path / "monitord.started", submit_dir.monitor_log
    if mark.exists():
        pid = int(mark.read_text().split()[1])
    elif not submit_dir.is_planned and log.exists():
        pid = int([line.split()[2] for line in log.read_text().splitlines() if " following " in line][-1])
    else:
        return None
    return pid if Path(f"/proc/{pid}").exists() else None


def timeless(database: Path, root: Path) -> dict[str, Rows]:
    """The tables without times and job ids, and with paths relative to `root`."""
    tables = dump(database)
    place = os.fspath(root)

    def kept(rows: Rows, *columns: int) -> Rows:
        chosen = (tuple(row[column] for column in columns) for row in rows)
        return sorted(
            (tuple(v.replace(place, "") if isinstance(v, str) else v for v in row) for row in chosen),
            key=repr,
        )

    return {
        "workflowstate": kept(tables["workflowstate"], 1, 3, 4),
        "task": kept(tables["task"], 1, 2, 4, 5),
        "task_edge": kept(tables["task_edge"], 1, 2),
        "job": kept(tables["job"], 1, 2, 3, 4, 5, 8),
        "job_edge": kept(tables["job_edge"], 1, 2),
        "job_instance": kept(tables["job_instance"], 1, 2, 4, 5, 6, 10, 12, 14, 15, 16, 18),
        # How often HTCondor measures the size of a job's image depends on the clock.
        "jobstate": kept([row for row in tables["jobstate"] if row[4] != "IMAGE_SIZE"], 1, 2, 4),
        "invocation": kept(tables["invocation"], 1, 2, 3, 7, 8, 9, 11),
        "host": kept(tables["host"], 0, 1, 2, 3),
        "integrity": kept(tables["integrity"], 0, 1, 2, 3, 4),
        "rc_lfn": kept(tables["rc_lfn"], 0),
        "rc_meta": kept([row for row in tables["rc_meta"] if row[1] in ("size", "checksum.value")], 0, 1, 2),
        "rc_pfn": kept(tables["rc_pfn"], 0, 1, 2),
    }
