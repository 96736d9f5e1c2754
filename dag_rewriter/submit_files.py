"""All submit files of a DAG, read once for what the rewriting needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from dag_rewriter import files
from dag_rewriter.dag import Dag
from dag_rewriter.errors import SubmitDirError
from dag_rewriter.submit_dir import SubmitDir
from dag_rewriter.submit_file import class_and_priority


@dataclass(slots=True)
class SubmitFiles:
    """What the submit files of a DAG say."""

    job_classes: dict[str, int] = field(default_factory=dict)
    """Pegasus's job class by node"""
    highest_priority: int = 0
    all_have_priorities: bool = True

    def add(self, nodes: list[str], data: bytes) -> None:
        """Takes one file, which describes the jobs of `nodes`, into account."""
        job_class, priority = class_and_priority(data)
        if job_class is not None:
            self.job_classes.update(dict.fromkeys(nodes, job_class))
        if priority is None:
            self.all_have_priorities = False
        else:
            self.highest_priority = max(self.highest_priority, priority)


def read_submit_files(submit_dir: SubmitDir, dag: Dag) -> SubmitFiles:
    """What the passes need of the submit files. One that is missing is an error."""
    nodes: dict[str, list[str]] = {}
    optional: set[str] = set()
    for node, path, required in dag.submit_files():
        nodes.setdefault(path, []).append(node)
        if not required:
            optional.add(node)
    found = SubmitFiles()
    missing: list[tuple[str, str]] = []
    for path, data in files.read_many(submit_dir.path, nodes):
        if data is None:
            missing += [(path, node) for node in nodes[path] if node not in optional]
            found.all_have_priorities = False
        else:
            found.add(nodes[path], data)
    for node, description in dag.inline_descriptions():
        found.add([node], description)
    if missing:
        _complain(submit_dir, dag, missing)
    return found


def _complain(submit_dir: SubmitDir, dag: Dag, missing: list[tuple[str, str]]) -> None:
    path, node = missing[0]
    more = f" (and {len(missing) - 1} more are missing)" if len(missing) > 1 else ""
    what = f"the submit file of node {node} ({submit_dir.dag}:{dag.nodes[node].line_no}) is not there{more}"
    raise SubmitDirError(str(submit_dir.path / path), what, "plan the workflow again, or restore the file")
