"""Where the sub-workflow of a node lives: found on disk when its DAGMan is submitted, wherever the directory is now."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned, with_places
from dag_rewriter.directory.submit_file import parse_submit_file
from monitord_job.stampede.state import JobPlan

_DAG_OPTION = re.compile(r"(?:^|\s)-[Dd]ag\s+(\S+)")


class SubWorkflow(NamedTuple):
    """An attempt at a sub-workflow node. `directory` is relative to the parent's submit directory."""

    job: str
    seq: int
    directory: str
    dag: str


def planned_place(parent: SubmitDir, plan: JobPlan) -> tuple[str, str] | None:
    """Directory and DAG of a sub-workflow node as they were planned; None if nothing says so."""
    if plan.is_subdag and plan.dag_file:
        path = Path(plan.dag_file)
        return os.fspath(path.parent), path.name
    if plan.submit_file is None:
        return None
    description = parse_submit_file(files.read_if_there(parent.start / plan.submit_file) or b"")
    dag = _DAG_OPTION.search(description.arguments or "")
    directory = description.text("initialdir")
    return (directory, dag[1]) if directory and dag else None


def candidates(parent: SubmitDir, directory: str, attempt: int) -> Iterator[Path]:
    """Where a sub-workflow may be, best first. The planner keeps the one of attempt N in DIRECTORY.NNN.

    An attempt that did not plan anew (a rescue run) goes on in the directory of an earlier one.
    """
    for base in _bases(parent, directory):
        yield from (base.with_name(f"{base.name}.{number:03d}") for number in range(attempt, -1, -1))
        yield base


def _bases(parent: SubmitDir, directory: str) -> Iterator[Path]:
    """Where it lies from where the parent is now, and then where it was planned."""
    planned = parent.braindump.get("submit_dir")
    if planned and Path(directory).is_absolute():
        yield Path(os.path.normpath(parent.path / os.path.relpath(directory, planned)))
    yield Path(os.path.normpath(parent.start / directory))


def find(parent: SubmitDir, plan: JobPlan, seq: int, attempt: int) -> SubWorkflow | None:
    """The sub-workflow that an attempt (0, 1, ...) at a node runs; None if it is nowhere."""
    place = planned_place(parent, plan)
    if place is None:
        return None
    directory, dag = place
    for candidate in candidates(parent, directory, attempt):
        if (candidate / dag).is_file():
            return SubWorkflow(plan.name, seq, os.path.relpath(candidate, parent.path), dag)
    return None


def open_sub_directory(parent: SubmitDir, sub: SubWorkflow) -> SubmitDir:
    """The sub-workflow's own submit directory; one that Pegasus did not plan gets a uuid of its place in the whole."""
    path = Path(os.path.normpath(parent.path / sub.directory))
    if was_planned(path):
        opened = open_submit_dir(path)
        if opened.dag == sub.dag:
            return opened
    root = parent.root_wf_uuid or ""
    name = f"{parent.wf_uuid}/{sub.directory}/{sub.dag}"
    wf_uuid = str(uuid5(UUID(root), name)) if root else name
    braindump = {**_inherited(parent, sub), "wf_uuid": wf_uuid, "root_wf_uuid": root, "dag": sub.dag}
    return with_places(SubmitDir(path, braindump, sub.dag))


def _inherited(parent: SubmitDir, sub: SubWorkflow) -> dict[str, str | None]:
    planned = parent.braindump.get("submit_dir")
    said = {key: parent.braindump.get(key) for key in ("user", "submit_hostname", "grid_dn", "timestamp")}
    place = os.path.normpath(os.path.join(planned, sub.directory)) if planned else None  # noqa: PTH118 - as text
    return {**said, "submit_dir": place, "dax_label": sub.dag.removesuffix(".dag")}
