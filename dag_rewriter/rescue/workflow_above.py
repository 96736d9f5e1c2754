"""Which run a sub-workflow is a part of: found on disk, for no file of a sub-DAG names the DAG above it.

A workflow that was run by itself last is a run of its own, whatever DAG names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from dag_rewriter import files
from dag_rewriter.directory.known_runs import known_runs
from dag_rewriter.directory.locate import jobstate_log, open_target, read_whole
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned
from dag_rewriter.directory.subworkflows import sub_dag_nodes, sub_workflows
from dag_rewriter.errors import RewriterError
from dag_rewriter.logs import dagman_log

_LEVELS = 8
"""How many directories upwards are looked at for a DAG without Pegasus."""
_MOST_DAGS = 100
_MOST_RUNS = 200
_MAY_HAVE_SUB_DAGS = re.compile(rb"\b(?:SUBDAG|SPLICE|INCLUDE)\b", re.IGNORECASE)
_ATTEMPT = re.compile(r"\.\d{3}$")
_STARTED = re.compile(rb"DAGMAN_STARTED (\S+)")


class Above(NamedTuple):
    """A workflow, the node of it that runs another one, and the DAG of that."""

    submit_dir: SubmitDir
    node: str
    dag_file: Path


def root_above(submit_dir: SubmitDir) -> tuple[SubmitDir, str]:
    """The run at the top, and the nodes from there down to this workflow (`S/T`); itself and "" where it is the top."""
    chain = nodes_above(submit_dir)
    return (chain[0].submit_dir if chain else submit_dir), "/".join(each.node for each in chain)


def nodes_above(submit_dir: SubmitDir) -> list[Above]:
    """The nodes that run this workflow, that of the run at the top first; none where it is the top itself."""
    chain: list[Above] = []
    top, seen = submit_dir, {submit_dir.dag_file.resolve()}
    with _as_its_owner(submit_dir), suppress(RewriterError):
        while (above := _above(top)) is not None and above.submit_dir.dag_file.resolve() not in seen:
            chain.insert(0, above)
            top = above.submit_dir
            seen.add(top.dag_file.resolve())
    return chain


def planned_root(submit_dir: SubmitDir) -> SubmitDir | None:
    """The run that a planner planned this workflow for, by its uuid; None if it is the top, or that is nowhere."""
    with _as_its_owner(submit_dir), suppress(RewriterError):
        if not is_planned_below(submit_dir) or is_run_by_itself(submit_dir):
            return None
        for directory in _planned_above(submit_dir.path):
            with suppress(RewriterError):
                candidate = open_submit_dir(directory)
                if candidate.wf_uuid == submit_dir.root_wf_uuid:
                    return candidate
    return None


def is_planned_below(submit_dir: SubmitDir) -> bool:
    """Whether a planner made it as a part of another workflow."""
    return submit_dir.is_planned and submit_dir.wf_uuid != submit_dir.root_wf_uuid


def is_run_by_itself(submit_dir: SubmitDir) -> bool:
    """Whether a person started the last DAGMan that ran here, or the DAG has a monitor of its own."""
    job = dagman_log.parse(files.read_if_there(submit_dir.dagman_log) or b"")
    if job is None or job.is_node:
        return _has_own_monitor(submit_dir, was_node=job is not None)
    # Of the planner's sub-workflows, DAGMan's job is logged above: only when they run by themselves, it is here.
    return _last_dagman(submit_dir) in (None, job.job)


def _has_own_monitor(submit_dir: SubmitDir, *, was_node: bool) -> bool:
    if files.mode_of(submit_dir.monitor_submit) is None:
        return False
    if not was_node and not is_planned_below(submit_dir):
        return True
    return os.fsencode(submit_dir.monitor_submit.name) in (files.read_if_there(submit_dir.dag_file) or b"")


def _last_dagman(submit_dir: SubmitDir) -> str | None:
    """The job of the DAGMan that began to write the JOBSTATE_LOG last; None if nothing says so."""
    if not is_planned_below(submit_dir):
        return None
    last = None
    for last in _STARTED.finditer(files.read_if_there(jobstate_log(submit_dir)) or b""):  # noqa: B007
        pass
    return None if last is None else last[1].decode("ascii", "replace")


def _above(submit_dir: SubmitDir) -> Above | None:
    """The workflow whose node runs this one."""
    if is_run_by_itself(submit_dir) or _never_was_a_node(submit_dir):
        return None
    below = submit_dir.dag_file.resolve()
    # To read the submit files of all nodes takes long: only where one of them must be it.
    find = sub_workflows if may_have_been_a_node(submit_dir) else sub_dag_nodes
    for candidate in _candidates(submit_dir):
        with suppress(RewriterError):
            for sub in find(candidate, read_whole(candidate)):
                if _is_run_by(sub.dag_file, below):
                    return Above(candidate, sub.node, sub.dag_file)
    return None


def may_have_been_a_node(submit_dir: SubmitDir) -> bool:
    """Whether something says so: it was planned as a part, or a DAGMan job has a log here. Cheap, for any number."""
    return is_planned_below(submit_dir) or files.mode_of(submit_dir.dagman_log) is not None


def _never_was_a_node(submit_dir: SubmitDir) -> bool:
    """A run of the planner's is a node only if somebody else's DAG says so, and then its DAGMan's log does, too."""
    return (
        submit_dir.is_planned
        and not is_planned_below(submit_dir)
        and files.mode_of(submit_dir.dagman_log) is None
    )


def _is_run_by(named: Path, below: Path) -> bool:
    """Whether a node's DAG is this one. The planner keeps that of attempt N in DIRECTORY.NNN."""
    if named.resolve() == below:
        return True
    plain = below.parent.with_name(_ATTEMPT.sub("", below.parent.name))
    return named.name == below.name and named.parent.parent.resolve() / named.parent.name == plain


def _as_its_owner(submit_dir: SubmitDir) -> AbstractContextManager[None]:
    """In another user's directories, nothing is read that is not that user's."""
    uid = _owner(submit_dir.path)
    return nullcontext() if uid is None or uid == os.geteuid() else files.reading_only_of(uid)


def _planned_above(path: Path) -> Iterator[Path]:
    """The planned directories above one, as far as they are its owner's; then those of the user's other runs."""
    uid = _owner(path)
    for place in dict.fromkeys((path, path.resolve())):
        for directory in place.parents:
            if _owner(directory) != uid:
                break
            if was_planned(directory):
                yield directory
    if uid == os.geteuid():
        runs = sorted(known_runs(), key=lambda run: run.noted, reverse=True)
        yield from (run.dag_file.parent for run in runs[:_MOST_RUNS] if run.is_planned)


def _candidates(submit_dir: SubmitDir) -> Iterator[SubmitDir]:
    """The workflows of this directory and of those above it, as far as they are its owner's; then other runs of the
    user's that name its DAG.
    """
    uid = _owner(submit_dir.path)
    for directory in islice((submit_dir.path, *submit_dir.path.parents), _LEVELS):
        if _owner(directory) != uid:
            break
        if was_planned(directory) and directory != submit_dir.path:
            with suppress(RewriterError):
                yield open_submit_dir(directory)
            continue
        names = sorted(name for name in files.names_in(directory) if name.endswith(".dag"))
        for name in names[:_MOST_DAGS]:
            if directory / name != submit_dir.dag_file and _may_have_sub_dags(directory / name):
                with suppress(RewriterError):
                    yield open_target(directory / name)
    if uid != os.geteuid() or files.mode_of(submit_dir.dagman_log) is None:
        return
    for run in sorted(known_runs(), key=lambda run: run.noted, reverse=True)[:_MOST_RUNS]:
        if run.dag_file != submit_dir.dag_file and _may_have_sub_dags(run.dag_file):
            with suppress(RewriterError):
                yield open_target(run.directory)


def _owner(directory: Path) -> int | None:
    with suppress(OSError):
        return directory.stat().st_uid
    return None


def _may_have_sub_dags(dag_file: Path) -> bool:
    with suppress(RewriterError):
        return _MAY_HAVE_SUB_DAGS.search(files.read_regular(dag_file)) is not None
    return False
