"""All submit files of a DAG, read once for what the rewriting needs to know of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import (
    class_and_priority,
    parse_submit_file,
    shared_telling_lines,
    telling_lines,
    telling_lines_of,
)
from dag_rewriter.errors import SubmitDirError
from dag_rewriter.model.dag import Dag, NodeKind
from dag_rewriter.model.index import DescribedPiece, Index
from dag_rewriter.model.telling import UNTOLD, Telling

_SUB_WORKFLOW = 10
"""Pegasus's class of a job that runs a planned sub-workflow"""


@dataclass(frozen=True, slots=True)
class SubmitFiles:
    """What the submit files of a DAG say."""

    job_classes: Mapping[str, int] = field(default_factory=dict)
    """Pegasus's job class by path, of the files that name one"""
    highest_priority: int = 0
    all_have_priorities: bool = True
    not_yet: tuple[str, ...] = ()
    """the files that are not there and that a node which runs before may write"""
    sub_dagmans: Mapping[str, str] = field(default_factory=dict)
    """what the nodes of sub-workflows that Pegasus plans run, by path of the submit file"""
    telling: Telling = UNTOLD
    """of each submit description in the DAG the lines that tell of the job"""


def read_submit_files(submit_dir: SubmitDir, dag: Dag) -> SubmitFiles:
    """What the passes need of the submit files. One that is missing is an error, unless another node may write it."""
    classes: dict[str, int] = {}
    dagmans: dict[str, str] = {}
    priorities: set[int | None] = {0}
    missing: set[str] = set()
    wanted = dag.submit_paths()
    for path, data in files.read_many(submit_dir.start, wanted):
        if data is None:
            priorities.add(None)
            if wanted[path]:
                missing.add(path)
            continue
        job_class, priority = class_and_priority(data)
        priorities.add(priority)
        if job_class is not None:
            classes[path] = job_class
        if job_class == _SUB_WORKFLOW:
            dagmans[path] = parse_submit_file(data).executable or ""
    telling = telling_of(dag)
    priorities.update(class_and_priority(lines)[1] for lines in telling.lines())
    if missing:
        _complain_of_needed(submit_dir, dag, missing)
    highest = max(priority for priority in priorities if priority is not None)
    return SubmitFiles(classes, highest, None not in priorities, tuple(sorted(missing)), dagmans, telling)


def telling_of(dag: Dag) -> Telling:
    """What the submit descriptions tell that stand in a DAG."""
    pieces = tuple(_told(dag.index, piece) for piece in dag.index.described)
    return Telling(pieces, telling_lines_of(dag.inline_texts()))


def _told(index: Index, piece: DescribedPiece) -> bytes | tuple[bytes, ...]:
    shared = shared_telling_lines(index.framed(piece.part), len(piece.places))
    return tuple(map(telling_lines, index.descriptions(piece))) if shared is None else shared


def _complain_of_needed(submit_dir: SubmitDir, dag: Dag, paths: set[str]) -> None:
    """SubmitDirError for files that are needed at the start. A planner's jobs write none, those of people may."""
    if not submit_dir.is_planned and dag.includes:
        return  # which may say who waits for whom
    later = set() if submit_dir.is_planned else set(_nodes_that_wait(dag))
    wanted = ((path, node) for node, path, required in dag.submit_files() if required and path in paths)
    missing = [(path, node) for path, node in wanted if node not in later]
    if not missing:
        return
    path, node = missing[0]
    more = f" (and {len(missing) - 1} more are missing)" if len(missing) > 1 else ""
    what = f"the submit file of node {node} ({submit_dir.dag}:{dag.nodes[node].line_no}) is not there{more}"
    raise SubmitDirError(str(submit_dir.start / path), what, "plan the workflow again, or restore the file")


def _nodes_that_wait(dag: Dag) -> Iterator[str]:
    """The nodes that others, or a splice, run before."""
    yield from (child for _, child in dag.edges)
    yield from (child for _, children, _ in dag.edges.groups for child in children)
    yield from (node.name for node in dag.nodes.values() if node.kind is NodeKind.FINAL)
