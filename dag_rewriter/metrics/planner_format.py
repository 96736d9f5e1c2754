"""X.metrics as pegasus-plan writes it: the same keys in the same order, JSON as its library (Gson) writes it. Pure.

What a DAG and its braindump do not tell (files of the abstract workflow, tasks that were left out) is null, never a
number that was not counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from condor_templates.policy import JobClass, JobFacts

CLIENT = "bridle"
"""Says who made the file: pegasus-plan writes its own name."""
_TASK = re.compile(rb'\bevent=task\.info\b.*?\btype_desc="?([a-z]+)')
_CLUSTERERS = ("pegasus::seqexec", "pegasus::mpiexec")
_JOBS = {
    "si_tx_jobs": (JobClass.STAGE_IN, JobClass.STAGE_IN_WORKER),
    "so_tx_jobs": (JobClass.STAGE_OUT,),
    "inter_tx_jobs": (JobClass.INTER_SITE,),
    "reg_jobs": (JobClass.REGISTRATION,),
    "cleanup_jobs": (JobClass.CLEANUP,),
    "create_dir_jobs": (JobClass.CREATE_DIR,),
    "dax_jobs": (JobClass.SUB_WORKFLOW,),
    "dag_jobs": (JobClass.SUB_DAG,),
    "chmod_jobs": (JobClass.CHMOD,),
}
_FILES = ("dax_input_files", "dax_inter_files", "dax_output_files", "dax_total_files")
# Gson writes these as escapes, so that JSON may stand in HTML (com.google.gson.stream.JsonWriter).
_HTML = {ord(c): f"\\u{ord(c):04x}" for c in "<>&='\u2028\u2029"}


def java_double(value: float) -> str:
    """A number as Java's Double.toString writes it.

    >>> [java_double(value) for value in (1795410493.533, 5.364, 0.0001, 2.0)]
    ['1.795410493533E9', '5.364', '1.0E-4', '2.0']
    """
    if value == 0 or 1e-3 <= abs(value) < 1e7 or not isfinite(value):
        return repr(float(value))
    digits = repr(abs(float(value))).partition("e")[0].replace(".", "").strip("0")
    exponent = int(f"{value:e}".partition("e")[2])
    return f"{'-' * (value < 0)}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def render_planner_metrics(value: Mapping[str, Any]) -> bytes:
    """The text of X.metrics; `json.loads` is the way back."""
    chunks = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(_marked(value))
    return "".join(_written(chunk) for chunk in chunks).encode("utf-8", "surrogateescape") + b"\n\n"


_MARK = "\ue000double:"


def _marked(value: Any) -> Any:
    """Floats as marked strings: json has no hook for how it writes a float."""
    if isinstance(value, float):
        return _MARK + java_double(value)
    return {key: _marked(v) for key, v in value.items()} if isinstance(value, Mapping) else value


def _written(chunk: str) -> str:
    if _MARK in chunk:
        head, _, number = chunk.partition(f'"{_MARK}')
        return head + number[:-1]
    return chunk.translate(_HTML)


def planner_metrics(
    braindump: Mapping[str, str | None],
    jobs: Mapping[JobFacts, int],
    static_bp: bytes | None,
    data_config: str | None,
) -> dict[str, Any]:
    """The keys of X.metrics for a workflow that has none; without Pegasus (an empty braindump) most are null."""
    planned = _seconds(braindump.get("timestamp"))
    pmc = braindump.get("uses_pmc")
    return {
        "client": CLIENT,
        "version": braindump.get("planner_version"),
        "wf_api": None,
        "type": "metrics",
        "start_time": planned,
        "end_time": planned,
        "duration": None,
        "exitcode": 0,
        "root_wf_uuid": braindump.get("root_wf_uuid"),
        "wf_uuid": braindump.get("wf_uuid"),
        "data_config": data_config,
        "planner_args": _bare(braindump.get("planner_arguments")),
        "uses_pmc": None if pmc is None else pmc.lower() == "true",
        "wf_metrics": {**_tasks(static_bp), **dict.fromkeys(_FILES), **_jobs(jobs)},
        "app_metrics": {"name": braindump.get("dax_label")},
    }


def _tasks(static_bp: bytes | None) -> dict[str, int | None]:
    names = ("compute", "dax", "dag")
    if static_bp is None:
        return {**{f"{name}_tasks": None for name in names}, "total_tasks": None, "deleted_tasks": None}
    counts = Counter(match[1].decode() for match in _TASK.finditer(static_bp))
    return {**{f"{n}_tasks": counts[n] for n in names}, "total_tasks": counts.total(), "deleted_tasks": None}


def _jobs(jobs: Mapping[JobFacts, int]) -> dict[str, int]:
    """How many there are of each sort. A job without a class (a DAG without Pegasus) computes."""
    classes: Counter[int] = Counter()
    clustered = 0
    for job, number in jobs.items():
        if job.job_class in (None, JobClass.COMPUTE.value) and job.transformation in _CLUSTERERS:
            clustered += number
        else:
            classes[job.job_class or JobClass.COMPUTE.value] += number
    counted = {name: sum(classes[known.value] for known in group) for name, group in _JOBS.items()}
    compute = classes.total() - sum(counted.values())
    total = classes.total() + clustered
    return {"compute_jobs": compute, "clustered_jobs": clustered, **counted, "total_jobs": total}


def _seconds(timestamp: str | None) -> float | None:
    """Braindump's timestamp in seconds since the epoch.

    >>> _seconds("20261123T052720+0000")
    1795411640.0
    """
    try:
        return datetime.strptime(timestamp or "", "%Y%m%dT%H%M%S%z").timestamp()
    except ValueError:
        return None


def _bare(arguments: str | None) -> str | None:
    """Braindump has the planner's arguments in quotes of its own, X.metrics has them without."""
    return arguments if arguments is None or arguments[:1] != '"' else arguments[1:].removesuffix('"')
