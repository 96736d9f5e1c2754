"""The monitor's own node in a rewritten DAG: here, because the monitor asks for it and needs no rewriter for that."""

from __future__ import annotations

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.language.commands import NodeCommand
from dag_rewriter.language.syntax import parse_command
from dag_rewriter.language.text import text_of
from dag_rewriter.rewriting.originals import take_apart


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
