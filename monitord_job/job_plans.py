"""The nodes of a DAG as the monitor's plans of jobs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from dag_rewriter.dag import Node, NodeKind, Script
from dag_rewriter.expand import Part, WholeDag
from monitord_job.job import JobPlan, OwnPlan, ScriptPlan


def plans_of(whole: WholeDag, monitor: str | None, *, is_ours: bool = False) -> dict[str, JobPlan]:
    """The nodes whose jobs are recorded: all but the monitor itself. `is_ours`: Pegasus planned none of them."""
    named = whole.descriptions()
    return {
        shown(node.name): _plan(node, part, named, is_ours)
        for part in whole.parts
        for node in part.nodes()
        if node.name != monitor
    }


def _plan(node: Node, part: Part, named: Mapping[str, tuple[str, str]], is_ours: bool) -> JobPlan:
    is_subdag = node.kind is NodeKind.SUBDAG
    file, text = part.path(posixpath.join(node.directory or "", node.submit_file)), node.inline
    if text is not None:
        file = part.dag.source
    elif not is_subdag and node.submit_file in named:
        file, text = named[node.submit_file]
    own = OwnPlan(part.path(node.directory or ""), text, node.vars) if is_ours or text is not None else None
    submit_file, dag_file = (None, file) if is_subdag else (file, None)
    scripts = _script(node.pre), _script(node.post)
    abort = node.abort_dag_on[0] if node.abort_dag_on else None
    last_codes = tuple(code for code in (node.unless_exit, abort) if code is not None)
    return JobPlan(
        shown(node.name),
        submit_file,
        *scripts,
        is_subdag,
        dag_file,
        retries=node.retries,
        last_codes=last_codes,
        pre_skip=node.pre_skip,
        own=own,
    )


def _script(script: Script | None) -> ScriptPlan | None:
    return None if script is None else ScriptPlan(script.executable, script.arguments)


def shown(name: str) -> str:
    """A name of the DAG as the logs' parsers spell it: bytes that are no UTF-8 shown, not hidden."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
