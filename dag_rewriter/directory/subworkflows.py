"""Where the DAGs of sub-workflow nodes are: SUBDAG EXTERNAL by the DAG itself, Pegasus's by their submit files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.directory.locate import open_target, read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import SubmitDescription, parse_submit_file
from dag_rewriter.errors import RewriterError

if TYPE_CHECKING:
    from dag_rewriter.model.dag import Dag
    from dag_rewriter.model.splices import Part, WholeDag

_DAG = re.compile(r"(?<!\S)-dag\s+(\S+)", re.IGNORECASE)
_DAGMAN = b"condor_dagman"
_PEGASUS_DAGMAN = b"pegasus-dagman"


@dataclass(frozen=True, slots=True)
class SubWorkflow:
    """A node that runs a DAG of its own, and that DAG's file (which may not be planned yet)."""

    node: str
    dag_file: Path

    def open(self) -> SubmitDir | None:
        """Its directory; None while there is no DAG."""
        return open_target(self.dag_file) if files.mode_of(self.dag_file) is not None else None


def sub_workflows(submit_dir: SubmitDir, whole: WholeDag) -> tuple[SubWorkflow, ...]:
    """All nodes that run a DAG, in the order of the DAG. Reads the submit files."""
    return tuple(sub for part in whole.parts for sub in _in_part(submit_dir, part))


def sub_dag_nodes(submit_dir: SubmitDir, whole: WholeDag) -> Iterator[SubWorkflow]:
    """The SUBDAG nodes alone. Reads no submit file."""
    for part in whole.parts:
        for node, below in zip(part.dag.sub_dags(), _sub_dag_files(submit_dir, part), strict=True):
            yield SubWorkflow(part.prefix + node.name, below)


def has_sub_dags(dag: Dag) -> bool:
    """Whether a node of the DAG, or perhaps of one that it splices in, runs a DAG of its own."""
    return dag.has_parts


def sub_dags(submit_dir: SubmitDir, dag: Dag, known: WholeDag | None = None) -> Iterator[SubmitDir]:
    """The directories of all DAGs below that SUBDAG lines name, as far as they are there and can be read. `known` is
    the DAG with its splices and includes, if somebody has put them in.
    """
    from dag_rewriter.model.dag import parse_dag
    from dag_rewriter.model.splices import Part, WholeDag

    seen = {submit_dir.dag_file.resolve()}
    waiting = [(submit_dir, dag)]
    while waiting:
        above, current = waiting.pop()
        with suppress(RewriterError):
            if not current.has_parts:
                whole = WholeDag((Part("", "", current),))
            elif known is not None and current is dag and not above.places.dags:
                whole = known
            else:
                whole = read_whole(above)
            for path in [path for part in whole.parts for path in _sub_dag_files(above, part)]:
                if path.resolve() in seen:
                    continue
                seen.add(path.resolve())
                with suppress(RewriterError):
                    below = open_target(path)
                    yield below
                    waiting.append((below, parse_dag(files.read_regular(below.dag_file), below.dag)))


def _sub_dag_files(submit_dir: SubmitDir, part: Part) -> Iterator[Path]:
    for node in part.dag.sub_dags():
        # Without a DIR, the DAGMan of the sub-DAG runs where ours does.
        yield _moved(submit_dir, part.path(posixpath.join(node.directory or "", node.submit_file)))


def _in_part(submit_dir: SubmitDir, part: Part) -> Iterator[SubWorkflow]:
    for node, below in zip(part.dag.sub_dags(), _sub_dag_files(submit_dir, part), strict=True):
        yield SubWorkflow(part.prefix + node.name, below)
    nodes = {part.path(path): part.prefix + name for path, name in part.dag.submit_users().items()}
    for path, data in files.read_many(submit_dir.start, nodes):
        if data is not None and (_DAGMAN in data or _PEGASUS_DAGMAN in data):
            dag_file = _planned(submit_dir, parse_submit_file(data))
            if dag_file is not None:
                yield SubWorkflow(nodes[path], dag_file)


def _planned(submit_dir: SubmitDir, description: SubmitDescription) -> Path | None:
    """The DAG that a planner's node starts condor_dagman for: `initialdir` and `-Dag` say so."""
    dag = _DAG.search(description.arguments or "")
    if dag is None:
        return None
    return _moved(submit_dir, posixpath.join(description.text("initialdir") or "", dag[1].strip("\"'")))


def _moved(submit_dir: SubmitDir, path: str) -> Path:
    """A path of the planner's; it counts from where the submit directory is now, outside of it if it is there, too."""
    planned = submit_dir.braindump.get("submit_dir")
    if planned and posixpath.isabs(path):
        moved = Path(posixpath.normpath(posixpath.join(submit_dir.path, posixpath.relpath(path, planned))))
        if _is_in(path, planned) or files.mode_of(moved) is not None:
            return moved
    return submit_dir.start / posixpath.normpath(path)


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")
