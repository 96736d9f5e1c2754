"""What the planner wrote: whether it is whole, where it is kept, what of it stands in the way of a rewritten DAG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.dagman_submit_file import is_made_by_shim, planners_environment, with_environment
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import parse_submit_file
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.commands import NodeCommand
from dag_rewriter.language.syntax import parse_command
from dag_rewriter.language.text import text_of
from dag_rewriter.model import block

EDITED = "the DAG was edited since it was planned: the edits stay, the planner's DAG is in {}"


def take_apart(submit_dir: SubmitDir, data: bytes) -> block.SplitDag:
    """The planner's and the user's bytes, and our block. DagSyntaxError if only half of the block is there."""
    try:
        return block.split(data)
    except block.CutBlockError:
        what = "the first or the last line of bridle's block is missing"
        hint = f"copy {submit_dir.planned_dag.name} over it (the planner's DAG) and rewrite again"
        raise DagSyntaxError(str(submit_dir.dag_file), 0, what, hint) from None


def monitor_of(submit_dir: SubmitDir) -> NodeCommand | None:
    """The monitor's node in the DAG, a SERVICE or a JOB; None in a DAG that has none of ours."""
    return monitor_in(take_apart(submit_dir, files.read(submit_dir.dag_file)).block)


def monitor_in(our_block: bytes | None) -> NodeCommand | None:
    """The monitor's node in our block, if there is one."""
    for line in (our_block or b"").split(b"\n"):
        command = parse_command(text_of(line)) if line[:1].isalpha() else None
        if isinstance(command, NodeCommand):
            return command
    return None


def copies(submit_dir: SubmitDir, parts: block.SplitDag) -> Iterable[tuple[Path, bytes]]:
    """The planner's DAG is copied before the DAG changes; an older copy of another DAG is kept too."""
    planned = files.read_if_there(submit_dir.planned_dag)
    if parts.block is not None and planned is not None:
        return
    if planned is not None and planned != parts.original:
        yield submit_dir.planned_dag.with_name(submit_dir.planned_dag.name + ".old"), planned
    yield submit_dir.planned_dag, parts.original


def submit_file_in_the_way(submit_dir: SubmitDir) -> bytes | None:
    """The planner's X.dag.condor.sub, if it stands in the way.

    condor_submit_dag refuses to write its own where one is, and only that tells DAGMan of a CONFIG line.
    The planner's starts pegasus-dagman, whose pegasus-monitord crashes on a SERVICE node (seen, 5.1.2); that of the
    planner hook starts condor_dagman and knows the CONFIG line.
    """
    data = files.read_if_there(submit_dir.condor_sub)
    if data is None or is_made_by_shim(data):
        return None
    description = parse_submit_file(data)
    is_planners = "+pegasus_wf_uuid" in description or (description.executable or "").endswith(
        "/pegasus-dagman"
    )
    return data if is_planners else None


def planners_submit_file(submit_dir: SubmitDir) -> bytes | None:
    """The X.dag.condor.sub that was set aside, as the planner wanted it; None if none was.

    The planner adds to DAGMan's environment when the hook has set its file aside: in the one that the hook had made.
    """
    planned = files.read_if_there(submit_dir.planned_condor_sub)
    current = files.read_if_there(submit_dir.condor_sub)
    if planned is None or current is None or not is_made_by_shim(current):
        return planned
    return with_environment(planned, planners_environment(current))


def dagman_submit_file(submit_dir: SubmitDir) -> bytes:
    """The planner's X.dag.condor.sub, wherever it is now; empty if there is none."""
    planned = files.read_if_there(submit_dir.planned_condor_sub)
    return planned or submit_file_in_the_way(submit_dir) or b""


def notes(submit_dir: SubmitDir, parts: block.SplitDag) -> Iterable[str]:
    """What the user should know of the kept copy."""
    if submit_dir.dag_file.is_symlink():
        to = submit_dir.dag_file.readlink()
        yield f"{submit_dir.dag} was a link to {to}, and is a file of its own from now on, also after --undo"
    planned = files.read_if_there(submit_dir.planned_dag)
    name = submit_dir.planned_dag.name
    if planned is None or planned == parts.original:
        return
    if parts.block is not None:
        yield EDITED.format(name)
    else:
        yield f"{name} was of another DAG; it is kept as {name}.old"
