"""The planner hook on a pool: shims in PATH, and calls as the planner and pegasus-run make them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.pool.pool import Pool
from tests.support.runs import BRIDLE

PEGASUS_DAGMAN = "executable=/opt/pegasus/bin/pegasus-dagman"
ADDED = " PEGASUS_METRICS=false PLANNER_ADDED=yes "
"""What the planner adds to DAGMan's environment."""
SUBDAX_PLANNER = Path(__file__).with_name("subdax_planner.py")


def install(place: Path) -> Path:
    """The shims, in `place`."""
    done = subprocess.run(
        [str(BRIDLE), "hook", "install", str(place)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"export PATH={place}:$PATH" in done.stdout
    return place


def environment(pool: Pool, shims: Path) -> dict[str, str]:
    """The pool's, with the shims first in PATH."""
    found = dict(pool.environment())
    return found | {"PATH": os.pathsep.join([str(shims), found["PATH"]])}


def call(env: dict[str, str], *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What a program does and prints, as PATH finds it."""
    command = ["/usr/bin/env", *words]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def planners_words(submit_dir: SubmitDir) -> list[str]:
    """The arguments of condor_submit_dag that the planner (5.1.3) gives."""
    said = submit_dir.braindump
    wanted = {key: said[key] for key in ("wf_uuid", "root_wf_uuid")} | {"wf_name": said["pegasus_wf_name"]}
    attributes = [f'+pegasus_{key}="{value}"' for key, value in wanted.items()]
    appended = [word for line in (*attributes, "+pegasus_job_class=11") for word in ("-append", line)]
    return ["-append", PEGASUS_DAGMAN, "-no_submit", "-MaxPost", "20", *appended, submit_dir.dag]


def finish_plan(env: dict[str, str], submit_dir: SubmitDir) -> subprocess.CompletedProcess[str]:
    """Do what the planner does last: condor_submit_dag, more environment in the file that it made, its metrics."""
    submit_dir.condor_sub.unlink(missing_ok=True)
    metrics = submit_dir.metrics.read_bytes() if submit_dir.metrics.exists() else None
    submit_dir.metrics.unlink(missing_ok=True)
    done = call(env, "condor_submit_dag", *planners_words(submit_dir), cwd=submit_dir.path)
    assert done.returncode == 0, done.stdout + done.stderr
    add_environment(submit_dir.condor_sub)
    if metrics is not None:
        submit_dir.metrics.write_bytes(metrics)
    return done


def add_environment(condor_sub: Path) -> None:
    """As the planner does it: the last line for the environment once more and longer, before the queue, no newline."""
    text = condor_sub.read_text()
    last = [line for line in text.splitlines() if line.startswith("environment")][-1]
    before, queue, _ = text.rpartition("queue")
    assert queue
    condor_sub.write_text(before + last.removesuffix('"') + ADDED + '"\nqueue')


def subdax_command(template: Path, place: Path) -> str:
    """A PRE script that plans a sub-workflow; the directories of its attempts are called after `place`."""
    launcher = template.with_name(
        f"{template.name}.plan.sh"
    )  # DAGMan knows no quotes, the checkout may have blanks
    launcher.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(SUBDAX_PLANNER))} "$@"\n'
    )
    launcher.chmod(0o755)
    return f"{launcher} {template} {place}"
