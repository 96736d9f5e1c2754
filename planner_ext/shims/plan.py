"""`pegasus-plan` with the shims in its PATH, whether or not the user has them there; and what they could not do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from condor_templates.errors import BridleError
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned
from dag_rewriter.rewriting.rewrite import is_rewritten
from planner_ext.shims.handlers import ShimError, after_plan, is_sub_workflow
from planner_ext.shims.install import real_program

PROGRAM = "pegasus-plan"
_SUBMIT = frozenset({"--submit", "-S"})
_TAIL = 1 << 20
"""bytes of what the planner says at last, in which its submit directory is"""
_PIECE = 1 << 16
_JSON = re.compile(rb'"submit_dir"\s*:\s*("(?:[^"\\]|\\.)*")')
_MESSAGE = re.compile(rb"^\s*pegasus-run\s+(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of a call. `submits` is what is still to be started: the planner was not asked to."""

    code: int
    submit_dir: Path | None
    submits: bool


def run_planner(
    arguments: Sequence[str], shims: Path | None, environment: Mapping[str, str], put: Callable[[bytes], None]
) -> Planned:
    """Run the real pegasus-plan to its end; `put` gets what it prints. ShimError if it cannot be run at all.

    `shims` is the directory that goes before PATH. Where the planner has HTCondor's programs beside it, it does not
    look into PATH: it is then not told to start the workflow, so that it can be rewritten before.
    """
    search_path = environment.get("PATH", "")
    real = real_program(PROGRAM, search_path)
    if real is None:
        what = f"{PROGRAM} is not in PATH"
        raise ShimError("PATH", what, "put the directory that has it, Pegasus's bin, into PATH")
    words = list(arguments)
    passes_by = shims is None or (Path(real).resolve().parent / "condor_submit_dag").exists()
    submits = passes_by and shims is not None and not _SUBMIT.isdisjoint(words)
    if submits:
        words = [word for word in words if word not in _SUBMIT]
    path = search_path if shims is None else os.pathsep.join((str(shims), search_path))
    code, tail = _run([real, *words], {**environment, "PATH": path}, put)
    return Planned(code, find_submit_dir(tail), submits and code == 0)


def _run(
    command: Sequence[str], environment: Mapping[str, str], put: Callable[[bytes], None]
) -> tuple[int, bytes]:
    tail = b""
    try:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as planner:
            assert planner.stdout is not None
            while piece := os.read(planner.stdout.fileno(), _PIECE):
                put(piece)
                tail = (tail + piece)[-_TAIL:]
            code = planner.wait()
    except OSError as error:
        hint = "see whether it is whole"
        raise ShimError(command[0], f"it cannot be run: {error.strerror}", hint) from error
    # As the shell has it, of one that was killed.
    return (code if code >= 0 else 128 - code), tail


def find_submit_dir(said: bytes) -> Path | None:
    r"""The submit directory in what the planner says last, for people or with --json.

    >>> find_submit_dir(b'{"submit_dir": "/home/me/run 1"}'), find_submit_dir(b"\npegasus-run  /home/me/run0001\n\n")
    (PosixPath('/home/me/run 1'), PosixPath('/home/me/run0001'))
    """
    objects = _JSON.findall(said)
    if objects:
        with suppress(ValueError):
            return Path(json.loads(objects[-1]))
    lines = _MESSAGE.findall(said)
    return Path(os.fsdecode(lines[-1])) if lines else None


def rewrite_planned(path: Path, search_path: str) -> str:
    """Make the monitor one of the jobs of what was planned, if no shim has; what to tell. Raises BridleError."""
    submit_dir = _root(path)
    if submit_dir is None or is_rewritten(submit_dir):
        return ""
    submit_dag = real_program("condor_submit_dag", search_path)
    if submit_dag is None:
        what = "condor_submit_dag is not in PATH"
        raise ShimError(str(path), what, "start the workflow with `bridle run`, which rewrites it")
    if submit_dir.dagman_out.exists():
        what = "the planner has started it, and no shim was asked"
        raise ShimError(str(path), what, "`bridle monitord` keeps its database all the same")
    return after_plan(submit_dag, [submit_dir.dag], submit_dir.path).message


def _root(path: Path) -> SubmitDir | None:
    if not was_planned(path):
        return None
    with suppress(BridleError):
        submit_dir = open_submit_dir(path)
        return None if is_sub_workflow(submit_dir) else submit_dir
    return None
