"""The figures as one JSON document, in pieces: a run may have a million attempts."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from monitord_job.statistics.model.calendar import Line, Per, host_lines, lines
from monitord_job.statistics.model.categories import CategoryUse
from monitord_job.statistics.model.critical_path import Link
from monitord_job.statistics.model.efficiency import Efficiency, efficiencies
from monitord_job.statistics.model.figures import (
    Attempt,
    Checksums,
    Counts,
    Level,
    Ran,
    Spread,
    Statistics,
    Tally,
    WallTime,
    Workflow,
)
from monitord_job.statistics.views.against import Compared
from monitord_job.statistics.views.text_files import Attempts

VERSION = 1
"""Of the document: a key may come, none goes or changes its meaning before the number does (docs/statistics.md)."""


def document(
    statistics: Statistics, levels: Collection[Level], per: Per, attempts: Attempts, more: dict[str, Any]
) -> Iterator[str]:
    """The text of the document. `more` has further keys."""
    head = {
        "version": VERSION,
        "incomplete": list(statistics.incomplete),
        "workflows": _workflows(statistics),
    }
    parts: dict[Level, tuple[str, Callable[[], Any]]] = {
        Level.SUMMARY: ("summary", lambda: _summary(statistics)),
        Level.WORKFLOWS: ("workflow_counts", lambda: _counts_of_each(statistics)),
        Level.BREAKDOWN: ("breakdown", lambda: _breakdown(statistics)),
        Level.TIME: ("time", lambda: _time(statistics, per)),
        Level.INTEGRITY: ("integrity", lambda: _integrity(statistics)),
        Level.USE: ("use", lambda: _use(statistics)),
        Level.PATH: ("critical_path", lambda: [_link(one) for one in statistics.path]),
    }
    head |= {name: make() for level, (name, make) in parts.items() if level in levels}
    text = json.dumps(head | more, indent=2)
    if Level.JOBS not in levels:
        yield text
        return
    yield text.removesuffix("\n}") + ',\n  "jobs": ['
    separator = "\n    "
    for one in statistics.figures:
        for row in attempts(one.workflow):
            yield separator + json.dumps(_attempt(one.workflow, row))
            separator = ",\n    "
    yield "\n  ]\n}"


def _workflows(statistics: Statistics) -> list[dict[str, Any]]:
    return [
        {
            "wf_uuid": one.workflow.wf_uuid,
            "label": one.workflow.label,
            "root": one.workflow.is_root,
            "submit_dir": one.workflow.submit_dir,
            "restarts": one.workflow.restarts,
            "ended": one.workflow.ended,
            "status": one.workflow.status,
        }
        for one in statistics.figures
    ]


def _tally(one: Tally) -> dict[str, int]:
    return {
        "succeeded": one.succeeded,
        "failed": one.failed,
        "incomplete": one.incomplete,
        "total": one.total,
        "retries": one.retries,
        "tries": one.tries,
    }


def _counts(one: Counts) -> dict[str, Any]:
    return {
        "tasks": _tally(one.tasks),
        "jobs": _tally(one.jobs),
        "subworkflows": _tally(one.subworkflows),
        "restarts": one.restarts,
    }


def _wall(one: WallTime) -> dict[str, float | None]:
    return {"seconds": rounded(one.total), "badput_seconds": rounded(one.badput)}


def rounded(value: float | None, places: int = 3) -> float | None:
    """A figure without the noise of binary sums."""
    return None if value is None else round(value, places)


def _summary(statistics: Statistics) -> dict[str, Any]:
    return {
        **_counts(statistics.counts),
        "wall_time_seconds": rounded(statistics.wall_time),
        "elapsed_seconds": rounded(statistics.elapsed),
        "jobs_by_kickstart": _wall(statistics.kickstart),
        "jobs_by_dagman": _wall(statistics.submit_side),
        "integrity_errors": statistics.integrity_errors,
        "integrity_failures": statistics.integrity_failures,
    }


def _counts_of_each(statistics: Statistics) -> list[dict[str, Any]]:
    return [{"wf_uuid": one.workflow.wf_uuid, **_counts(one.counts)} for one in statistics.figures]


def _breakdown(statistics: Statistics) -> list[dict[str, Any]]:
    each = [_ran(row, one.workflow.wf_uuid) for one in statistics.figures for row in one.breakdown]
    return each + [_ran(row, None) for row in statistics.breakdown]


def _ran(one: Ran, wf_uuid: str | None) -> dict[str, Any]:
    return {
        "wf_uuid": wf_uuid,
        "transformation": one.transformation,
        "succeeded": one.succeeded,
        "count": one.count,
        "seconds": _spread(one.runtime),
        "memory_kb": _spread(one.memory),
        "processors": _spread(one.cpu),
        "cpu_seconds": rounded(one.cpu_seconds),
        "measured_seconds": rounded(one.measured),
    }


def _spread(one: Spread | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "count": one.count,
        "min": rounded(one.least, 6),
        "max": rounded(one.most, 6),
        "mean": rounded(one.mean, 6),
        "total": rounded(one.total, 6),
    }


def _time(statistics: Statistics, per: Per) -> dict[str, Any]:
    clock = statistics.clock
    return {
        "per": per.value,
        "jobs": _lines(lines(clock.jobs, per)),
        "invocations": _lines(lines(clock.invocations, per)),
        "jobs_by_host": _lines(host_lines(clock.jobs, per)),
        "invocations_by_host": _lines(host_lines(clock.invocations, per)),
    }


def _lines(rows: Iterable[Line]) -> list[dict[str, Any]]:
    return [
        {"date": one.date, "host": one.host, "count": one.count, "seconds": rounded(one.seconds)}
        for one in rows
    ]


def _integrity(statistics: Statistics) -> list[dict[str, Any]]:
    each = [_checksums(row, one.workflow.wf_uuid) for one in statistics.figures for row in one.integrity]
    return each + [_checksums(row, None) for row in statistics.integrity]


def _checksums(one: Checksums, wf_uuid: str | None) -> dict[str, Any]:
    return {"wf_uuid": wf_uuid, **asdict(one), "seconds": rounded(one.seconds)}


def _attempt(workflow: Workflow, one: Attempt) -> dict[str, Any]:
    return {
        "wf_uuid": workflow.wf_uuid,
        "job": one.job,
        "try": one.number,
        "site": one.site,
        "kickstart_seconds": rounded(one.kickstart),
        "multiplier": one.multiplier,
        "cpu_seconds": rounded(one.cpu),
        "post_seconds": rounded(one.post),
        "queue_seconds": rounded(one.queue),
        "resource_seconds": rounded(one.resource),
        "runtime_seconds": rounded(one.runtime),
        "cluster_seconds": rounded(one.seqexec),
        "exitcode": one.exitcode,
        "host": one.host,
    }


def against(rows: Iterable[Compared]) -> list[dict[str, Any]]:
    """The key `against`."""
    return [
        {
            "figure": one.what,
            "this": rounded(one.here),
            "other": rounded(one.there),
            "change": rounded(one.change, 4),
        }
        for one in rows
    ]


def _use(statistics: Statistics) -> dict[str, Any]:
    used = statistics.usage
    return {
        "groups": [
            {
                "type": one.kind,
                "outcome": one.outcome.value,
                "attempts": one.attempts,
                "started": one.started,
                "waited_seconds": rounded(one.waited),
                "longest_wait_seconds": rounded(one.longest_wait),
                "ran_seconds": rounded(one.ran),
            }
            for one in used.groups
        ],
        "categories": [
            {"wf_uuid": one.workflow.wf_uuid, **_category(row)}
            for one in statistics.figures
            for row in one.categories
        ],
        "requests": [_requests(one) for one in efficiencies(statistics) if one.asked.attempts],
        "lost": {
            why.value: {"attempts": one.times, "seconds": rounded(one.seconds)}
            for why, one in used.lost.items()
        },
        "held_seconds": rounded(used.held_for),
    }


def _category(one: CategoryUse) -> dict[str, Any]:
    return {
        "category": one.name,
        "limit": next(iter(one.limits), None),
        "jobs": one.jobs,
        "attempts": one.attempts,
        "most": one.most,
        "used": rounded(one.fullness, 4),
        "queued_seconds": rounded(one.queued),
        "in_use_seconds": rounded(one.used),
        "full_seconds": rounded(one.full),
        "held_back_seconds": rounded(one.held_back),
        "waited_seconds": rounded(one.waited),
        "ran_seconds": rounded(one.ran),
    }


def _requests(one: Efficiency) -> dict[str, Any]:
    asked = one.asked
    return {
        "transformation": one.transformation,
        "attempts": asked.attempts,
        "ran_seconds": rounded(asked.ran),
        "memory_least_mb": asked.least_memory,
        "memory_most_mb": asked.most_memory,
        "memory_used_mb": asked.used_memory,
        "memory_that_suffices_mb": one.suffices,
        "processors": asked.processors,
        "processor_seconds": rounded(asked.processor_seconds),
        "processors_used": rounded(one.request_share, 4),
    }


def _link(one: Link) -> dict[str, Any]:
    return {
        "job": one.job,
        "type": one.kind,
        "tries": one.attempts,
        "host": one.host,
        "ended": rounded(one.ended, 6),
        "seconds": {name: rounded(seconds) for name, seconds in one.phases.named().items()},
        "below": [_link(link) for link in one.below],
    }
