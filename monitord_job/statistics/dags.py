"""Where the DAGs of a run's workflows are now, which categories they have, and what their jobs asked HTCondor for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.categories.node_categories import NodeCategories, node_categories
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import RewriterError
from monitord_job.logs.resource_table import Resource, tables_in
from monitord_job.logs.tail import whole_events
from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.model.requests import Asked

_MEMORY, _PROCESSORS = "Memory (MB)", "Cpus"
_NOTHING = Resource("", "", "", "")


def places(directory: Path, workflows: Sequence[Workflow]) -> dict[int, Path]:
    """Where each workflow is, by wf_id, if the first is in `directory`: the database has where it was planned."""
    root = workflows[0].submit_dir
    return {
        one.wf_id: directory / os.path.relpath(one.submit_dir, root)
        for one in workflows
        if one.submit_dir and root
    }


def directory_of(workflow: Workflow, where: Mapping[int, Path]) -> SubmitDir | None:
    """Its submit directory, if its DAG is there and can be read."""
    if workflow.wf_id not in where or not workflow.dag_file:
        return None
    path = where[workflow.wf_id] / Path(workflow.dag_file).name
    try:
        return None if files.mode_of(path) is None else open_target(path)
    except (RewriterError, OSError):
        return None


def categories_of(submit_dir: SubmitDir) -> NodeCategories:
    """Those of its DAG; none where that cannot be read."""
    try:
        return node_categories(submit_dir)
    except (RewriterError, OSError):
        return NodeCategories()


def asked_in(submit_dir: SubmitDir) -> dict[str, Asked]:
    """What the jobs that ended asked for and used, by `cluster.proc`, as HTCondor's logs say that are there."""
    asked: dict[str, Asked] = {}
    for log in (
        submit_dir.nodes_log,
        submit_dir.condor_log,
    ):  # the latter has also the runs before a rescue DAG
        with suppress(OSError):
            for events in whole_events(log):
                asked.update((job, _asked(table)) for job, table in tables_in(events))
    return asked


def _asked(table: Sequence[Resource]) -> Asked:
    rows = {row.name: row for row in table}
    memory, processors = rows.get(_MEMORY, _NOTHING), rows.get(_PROCESSORS, _NOTHING)
    return Asked(_number(memory.requested), _number(memory.used), _number(processors.requested))


def _number(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit() else None
