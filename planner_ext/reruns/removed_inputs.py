"""Inputs of nodes that run again which cleanup nodes have removed, and the nodes that make them.

By what the planner wrote: the lists of its transfers and cleanups (X.in beside X.sub) and the abstract workflow. Of a
DAG that nobody planned nothing is known, and nothing is said.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from condor_templates.errors import BridleError
from condor_templates.policy import JobClass
from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import facts_of
from dag_rewriter.model.splices import WholeDag
from dag_rewriter.rescue.rescue_files import Workflow
from dag_rewriter.rescue.run_state import NodeState
from planner_ext.abstract.workflow import Link
from planner_ext.notify.notify_file import find_workflow, load_workflow
from planner_ext.notify.planned_jobs import planned_jobs


@dataclass(frozen=True, slots=True)
class MissingInput:
    """A file (or a directory) that is gone; `made_by` are the nodes that make it, none if no node does."""

    file: str
    needed_by: str
    removed_by: str
    made_by: tuple[str, ...]

    def __str__(self) -> str:
        maker = f"{', '.join(self.made_by)} makes it" if self.made_by else "no node makes it: plan again"
        return f"{self.needed_by} needs {self.file}, which {self.removed_by} has removed: {maker}"

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "file": self.file,
            "needed_by": self.needed_by,
            "removed_by": self.removed_by,
            "made_by": list(self.made_by),
        }


@dataclass(frozen=True, slots=True)
class _PlannedFiles:
    """Which nodes read and make which logical files where the jobs run, and what the cleanup nodes remove."""

    reads: Mapping[str, set[str]]
    makers: Mapping[str, set[str]]
    removals: Mapping[str, list[str]]
    """cleanup node -> URLs of files"""
    directories: Mapping[str, str]
    """cleanup node -> the URL of the directory that it removes as a whole"""
    makers_of_directories: Mapping[str, str]
    """URL -> node"""
    equips: Collection[str]
    """the nodes that put there what all jobs need: Pegasus's own programs, modes of files"""


def missing_inputs(workflow: Workflow, runs: Collection[str]) -> tuple[MissingInput, ...]:
    """What is gone of the inputs of these nodes (`S/X`: X of the sub-workflow S), and of those of the nodes that make
    them, and so on. Raises BridleError where nodes have cleaned up, and it cannot be told what."""
    own = [name for name in runs if name.partition("/")[0] not in workflow.children]
    missing = list(_missing(workflow, own))
    for node, child in workflow.children.items():
        inner = [name.removeprefix(f"{node}/") for name in runs if name.startswith(f"{node}/")]
        missing += [_inside(node, each) for each in (missing_inputs(child, inner) if inner else ())]
    return tuple(missing)


def _inside(node: str, each: MissingInput) -> MissingInput:
    made_by = tuple(f"{node}/{name}" for name in each.made_by)
    return MissingInput(each.file, f"{node}/{each.needed_by}", f"{node}/{each.removed_by}", made_by)


def _missing(workflow: Workflow, runs: Collection[str]) -> Iterator[MissingInput]:
    if not workflow.submit_dir.is_planned:
        return
    done = set(workflow.run_state.of(NodeState.DONE))
    planned = _planned_files(workflow.submit_dir, workflow.whole, done)
    if planned is None:
        return
    gone = _gone(planned, done)
    waiting, chosen, again = deque(runs), set(runs), set(runs)
    told: set[str] = set()
    directories = {
        url: node for node, url in planned.directories.items() if node in done and not _is_there(url)
    }
    writers = {node for nodes in planned.makers.values() for node in nodes}
    first = next((node for node in waiting if planned.reads.get(node) or node in writers), None)
    for url, remover in directories.items() if first is not None else ():
        made_by = planned.makers_of_directories.get(url)
        if made_by is not None and made_by not in again:
            makers_of_it = (made_by, *sorted(set(planned.equips) - again))
            again |= {*makers_of_it}
            yield MissingInput(url, first or "", remover, makers_of_it)
    while waiting:
        node = waiting.popleft()
        for file in sorted(planned.reads.get(node, ())):
            makers = planned.makers.get(file, set())
            if file not in gone or file in told or makers & chosen:
                continue
            told.add(file)
            waiting += sorted(makers - again)
            again |= makers
            yield MissingInput(file, node, gone[file], tuple(sorted(makers)))


def _gone(planned: _PlannedFiles, done: Collection[str]) -> dict[str, str]:
    """Logical files that were removed where the jobs run -> the node that did."""
    known = {*planned.makers, *(file for files_ in planned.reads.values() for file in files_)}
    gone: dict[str, str] = {}
    whole = [node for node in planned.directories if node in done]
    if whole and len(whole) == len(planned.directories):
        url = planned.directories[whole[0]]
        gone = {} if _is_there(url) else dict.fromkeys(known, whole[0])
    for node, urls in planned.removals.items():
        for url in urls if node in done else ():
            for file in _names_in(url):
                if file in known and not _is_there(url):
                    gone[file] = node
    return gone


def _names_in(url: str) -> Iterator[str]:
    """What the logical name may be, of a file at a URL: it ends with it."""
    parts = urlsplit(url).path.split("/")
    for start in range(len(parts) - 1, 0, -1):
        yield "/".join(parts[start:])


def _is_there(url: str) -> bool:
    """Whether it can be seen from here; what lies on another machine cannot."""
    parts = urlsplit(url)
    return parts.scheme in ("", "file") and Path(unquote(parts.path)).exists()


@dataclass(slots=True)
class _FileFacts:
    """Collected on the way through the nodes."""

    reads: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    makers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    removals: dict[str, list[str]] = field(default_factory=dict)
    directories: dict[str, str] = field(default_factory=dict)
    makers_of_directories: dict[str, str] = field(default_factory=dict)
    equips: set[str] = field(default_factory=set)


_WORKER = "pegasus::worker"
_WITH_LISTS = {
    each.value
    for each in (
        JobClass.STAGE_IN,
        JobClass.STAGE_OUT,
        JobClass.INTER_SITE,
        JobClass.CREATE_DIR,
        JobClass.CLEANUP,
        JobClass.CHMOD,
    )
}


def _planned_files(submit_dir: SubmitDir, whole: WholeDag, done: Collection[str]) -> _PlannedFiles | None:
    """None where no cleanup node has run."""
    paths = {path: part.prefix + name for part in whole.parts for name, path, _ in part.dag.submit_files()}
    facts, classes = _FileFacts(), dict[str, int]()
    for path, data in files.read_many(submit_dir.start, paths):
        job_class = None if data is None else facts_of(paths[path], data).job_class
        if job_class is not None and job_class in _WITH_LISTS:
            classes[path] = job_class
    cleaned = [
        path for path, kind in classes.items() if kind == JobClass.CLEANUP.value and paths[path] in done
    ]
    if not cleaned:
        return None
    for path, job_class in classes.items():
        _take_list(facts, paths[path], job_class, _list_beside(submit_dir, path))
    tasks = {task.id: task for task in load_workflow(find_workflow(submit_dir)).tasks}
    for job in planned_jobs(submit_dir, tuple(tasks.values())):
        uses = [use for task in job.tasks if task in tasks for use in tasks[task].uses]
        made = {use.lfn for use in uses if use.link in (Link.OUTPUT, Link.INOUT)}
        for lfn in made:
            facts.makers[lfn].add(job.node)
        facts.reads[job.node] |= {use.lfn for use in uses if use.link in (Link.INPUT, Link.INOUT)} - made
    return _PlannedFiles(
        facts.reads,
        facts.makers,
        facts.removals,
        facts.directories,
        facts.makers_of_directories,
        facts.equips,
    )


def _list_beside(submit_dir: SubmitDir, path: str) -> list[Any]:
    data = files.read_if_there((submit_dir.start / path).with_suffix(".in")) or b"[]"
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _take_list(facts: _FileFacts, node: str, job_class: int, entries: list[Any]) -> None:
    if job_class == JobClass.CHMOD.value:
        facts.equips.add(node)
    for entry in entries:
        target = entry.get("target")
        url = str(target.get("url", "")) if isinstance(target, dict) else ""
        if job_class == JobClass.CREATE_DIR.value:
            facts.makers_of_directories[url] = node
        elif job_class == JobClass.CLEANUP.value:
            if str(target.get("recursive") if isinstance(target, dict) else "").lower() == "true":
                facts.directories[node] = url
            else:
                facts.removals.setdefault(node, []).append(url.replace("/./", "/"))
        elif entry.get("lfn") == _WORKER:
            facts.equips.add(node)
        elif isinstance(entry.get("lfn"), str):
            if job_class != JobClass.STAGE_IN.value:
                facts.reads[node].add(entry["lfn"])
            if job_class != JobClass.STAGE_OUT.value:
                facts.makers[entry["lfn"]].add(node)


def why_unknown(error: BridleError) -> str:
    """Where it cannot be told which inputs are gone."""
    return f"cleanup nodes have run, and which inputs are gone cannot be told: {error}"
