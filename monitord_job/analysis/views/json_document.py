"""The analysis as JSON, for programs (docs/analyzer.md has the keys). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from monitord_job.analysis.model.analysis import Analysis
from monitord_job.analysis.model.example import Example
from monitord_job.analysis.model.failure import Failure, Group, Groups
from monitord_job.outcome.node_status import NodeStatus

VERSION = 1
"""Of the document: a key may come, none goes or changes its meaning before the number does."""


def document(
    analysis: Analysis, state: Mapping[str, Any], examples: Mapping[int, Example], advice: Sequence[str]
) -> dict[str, Any]:
    """One run. `state`: how it stands, as `bridle status --json` has it."""
    return {
        "wf_uuid": analysis.run.wf_uuid,
        "label": analysis.run.label,
        **state,
        "incomplete": list(analysis.incomplete),
        "jobs": _counts(analysis.run.counts),
        "jobs_below": _counts(analysis.below),
        "sub_workflows": len(analysis.workflows) - 1,
        "failed_through_sub_workflows": analysis.through,
        "failed": _groups(analysis.failed, examples),
        "held": _groups(analysis.held, examples),
        "failing": _groups(analysis.failing, examples),
        "advice": list(advice),
    }


def _counts(counts: Mapping[NodeStatus, int]) -> dict[str, int]:
    return {"total": sum(counts.values()), **{one.value: counts.get(one, 0) for one in NodeStatus}}


def _groups(groups: Groups, examples: Mapping[int, Example]) -> dict[str, Any]:
    return {"count": groups.count, "groups": [_group(one, examples) for one in groups.groups]}


def _group(one: Group, examples: Mapping[int, Example]) -> dict[str, Any]:
    example = examples.get(one.first.instance)
    return {
        "count": one.count,
        "cause": one.first.cause and one.first.cause.as_json(),
        "type": one.first.type,
        "program": one.first.program or None,
        "names": list(one.names),
        "hosts": dict(one.hosts),
        "suspect": one.suspect and asdict(one.suspect),
        "not_started": asdict(one.not_started),
        "example": {**_failure(one.first), **({} if example is None else _example(example))},
    }


def _failure(one: Failure) -> dict[str, Any]:
    return {
        "job": one.job,
        "workflow": one.workflow or None,
        "attempts": one.attempts,
        "host": one.host or None,
        "output": one.file or None,
        "lines": list(one.lines),
    }


def _example(one: Example) -> dict[str, Any]:
    words = {name: value or None for name, value in asdict(one).items() if name not in ("log", "subwf_id")}
    return {**words, "log": one.log and asdict(one.log)}
