"""The metrics of a submit directory: reads what they need, says which files they go to, writes them.

X.metrics has the planner's keys and no others, so that whoever reads it finds what Pegasus promises; if the planner
wrote it, it is left alone. What bridle counts itself always goes to X.bridle.metrics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condor_templates.policy import JobFacts
from dag_rewriter import files
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import facts_of
from dag_rewriter.directory.submit_files import telling_of
from dag_rewriter.language.text import text_of
from dag_rewriter.metrics.dag_metrics import DagMetrics, dag_metrics, jobs_in, render_metrics
from dag_rewriter.metrics.planner_format import CLIENT, planner_metrics, render_planner_metrics
from dag_rewriter.model.splices import WholeDag
from dag_rewriter.model.tally import tally_whole
from dag_rewriter.model.telling import Telling

_DATA_CONFIG = re.compile(rb"^[ \t]*pegasus\.data\.configuration[ \t]*[=:][ \t]*(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Both files of a submit directory: the planner's keys, and what bridle counts."""

    planner: Mapping[str, Any]
    dag: DagMetrics
    by_planner: bool
    """whether pegasus-plan wrote X.metrics"""

    def as_json(self) -> dict[str, Any]:
        """For --json: the planner's file, and what we count."""
        return {"planner": dict(self.planner), "bridle": self.dag.as_json()}


def read_facts(submit_dir: SubmitDir, paths: Iterable[str]) -> dict[str, JobFacts]:
    """What submit files say, by path; without the names of nodes, which may share one. Missing ones are left out."""
    same: dict[JobFacts, JobFacts] = {}
    by_path: dict[str, JobFacts] = {}
    for path, data in files.read_many(submit_dir.path, paths):
        if data is not None:
            facts = facts_of("", data)
            by_path[path] = same.setdefault(facts, facts)
    return by_path


def measure(submit_dir: SubmitDir, whole: WholeDag | None = None, telling: Telling | None = None) -> Metrics:
    """Counts the DAG as it is now; a caller that has read it already may give it, and what its descriptions tell."""
    whole = read_whole(submit_dir) if whole is None else whole
    root = None if telling is None else whole.dag
    counts = tally_whole(whole, lambda dag: telling if telling and dag is root else telling_of(dag))
    jobs = jobs_in(counts, read_facts(submit_dir, counts.submit_files))
    counted = dag_metrics(whole, counts, jobs)
    planner = _planners(submit_dir)
    if planner is not None:
        return Metrics(planner, counted, by_planner=True)
    made = planner_metrics(
        submit_dir.braindump,
        jobs,
        files.read_if_there(submit_dir.static_bp),
        _data_config(submit_dir),
    )
    return Metrics(made, counted, by_planner=False)


def files_of(submit_dir: SubmitDir, metrics: Metrics) -> tuple[tuple[Path, bytes], ...]:
    """(path, content) of what a rewrite writes: our section, and X.metrics if the planner wrote none."""
    ours = (submit_dir.bridle_metrics, render_metrics(metrics.dag))
    return (
        (ours,)
        if metrics.by_planner
        else (ours, (submit_dir.metrics, render_planner_metrics(metrics.planner)))
    )


def write_metrics(submit_dir: SubmitDir) -> Metrics:
    """Measures and writes; a file that is right already is not touched."""
    require_own(submit_dir.path)
    metrics = measure(submit_dir)
    for path, data in files_of(submit_dir, metrics):
        files.replace(path, data)
    return metrics


def made_by_bridle(data: bytes | None) -> bool:
    """Whether an X.metrics is ours: then a rewrite may replace it, and --undo take it away."""
    return _object(data).get("client") == CLIENT


def _planners(submit_dir: SubmitDir) -> Mapping[str, Any] | None:
    data = files.read_if_there(submit_dir.metrics, files.SMALL)
    return None if data is None or made_by_bridle(data) else _object(data)


def _object(data: bytes | None) -> dict[str, Any]:
    """A JSON object; empty for anything else, which then is the planner's and stays."""
    try:
        value = json.loads(data or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _data_config(submit_dir: SubmitDir) -> str | None:
    name = submit_dir.braindump.get("properties")
    if not name:
        return None
    match = _DATA_CONFIG.search(files.read_if_there(submit_dir.path / Path(name).name, files.SMALL) or b"")
    return None if match is None else text_of(match[1])
