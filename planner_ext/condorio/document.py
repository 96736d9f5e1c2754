"""The figures as a JSON document; condor_templates/schemas/condorio.json says what is what. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from planner_ext.condorio.collect import Found
from planner_ext.condorio.measured_jobs import Concurrency
from planner_ext.condorio.model import Amount, FileKind, SizeSource
from planner_ext.condorio.run_times import RunTimeSource
from planner_ext.condorio.scenarios import Scenario
from planner_ext.condorio.schedule import Side
from planner_ext.condorio.volume import JobVolume, TransformationVolume, Volume, gaining_jobs, largest_jobs


def document(found: Found, top: int) -> dict[str, Any]:
    """All of it; `top` is how many files and jobs are named."""
    volume = found.volume
    return {
        "dag": found.submit_dir.dag,
        "jobs": {
            "all": found.jobs,
            "moving": len(volume.jobs),
            "measured": volume.measured_jobs,
            "if_needed": found.if_needed,
            "without_submit_file": found.unread,
            "sub_workflows": found.sub_workflows,
            "in_queue": found.in_queue,
        },
        "to_jobs": _amount(volume.sent),
        "from_jobs": _amount(volume.returned),
        "data": _amount(volume.data),
        "retried_bytes": volume.retried,
        "files_by_url": found.by_url,
        "unknown_sizes": {kind.value: volume.unknown_kinds.get(kind, 0) for kind in FileKind},
        "size_sources": {source.value: found.size_sources.get(source, 0) for source in SizeSource},
        "measured": {"to_jobs": _seen(found.up), "from_jobs": _seen(found.down)},
        "pegasus_transfer": {
            "jobs": volume.transfer_jobs,
            "in": _amount(volume.staged_in),
            "out": _amount(volume.staged_out),
        },
        "transformations": [_transformation(one) for one in volume.transformations],
        **_files(volume, top),
        "largest_jobs": [_job(one) for one in largest_jobs(volume, top)],
        "gain_from_staging": [_job(one) for one in gaining_jobs(volume, top)],
        "simulation": _simulation(found),
    }


def _amount(one: Amount) -> dict[str, int]:
    return {"bytes": one.size, "unknown_files": one.unknown}


def _seen(one: Concurrency) -> dict[str, Any]:
    return {
        "transfers": one.transfers,
        "peak": one.peak,
        "peak_after_seconds": one.peak_after,
        "peak_bytes_per_second": round(one.peak_rate, 3),
    }


def _transformation(one: TransformationVolume) -> dict[str, Any]:
    return {
        "name": one.name,
        "jobs": one.jobs,
        "to_jobs": _amount(one.sent),
        "from_jobs": _amount(one.returned),
        "data": _amount(one.data),
        "to_each": asdict(one.sent_per_job),
        "from_each": asdict(one.returned_per_job),
    }


def _files(volume: Volume, top: int) -> dict[str, Any]:
    shared = [
        {
            "file": one.file.name,
            "lfn": one.file.lfn,
            "kind": one.file.kind.value,
            "bytes": one.file.size,
            "times": one.times,
            "saved_bytes": one.saved,
        }
        for one in volume.shared[:top]
    ]
    return {
        "inputs_once": _amount(volume.inputs_once),
        "inputs_moved": _amount(volume.inputs_moved),
        "shared_inputs": shared,
    }


def _job(one: JobVolume) -> dict[str, Any]:
    return {
        "node": one.job.node,
        "transformation": one.job.transformation,
        "to_job": _amount(one.sent),
        "from_job": _amount(one.returned),
        "data": _amount(one.data),
        "attempts": one.measured.attempts if one.measured else None,
    }


def _simulation(found: Found) -> dict[str, Any]:
    limits = found.limits
    return {
        "bytes_per_second": limits.rate,
        "slots": limits.slots,
        "slots_as_measured": found.slots_seen,
        "max_concurrent_uploads": limits.uploads,
        "max_concurrent_downloads": limits.downloads,
        "max_jobs": limits.max_jobs,
        "max_idle": limits.max_idle,
        "categories": dict(limits.categories),
        "run_times": {source.value: found.run_times.get(source, 0) for source in RunTimeSource},
        "runs": [_scenario(one) for one in found.scenarios],
    }


def _scenario(one: Scenario) -> dict[str, Any]:
    return {
        "change": one.change.value,
        "limit": one.limit,
        "seconds": round(one.outcome.makespan, 3),
        "most_jobs": one.outcome.most_jobs,
        "to_jobs": _side(one.outcome.up),
        "from_jobs": _side(one.outcome.down),
    }


def _side(one: Side) -> dict[str, Any]:
    return {
        "bytes": one.moved,
        "peak_transfers": one.peak,
        "peak_after_seconds": round(one.peak_at, 3),
        "peak_bytes": one.peak_bytes,
        "peak_waiting": one.peak_waiting,
        "waited_seconds": round(one.waited, 3),
        "busy_seconds": round(one.busy, 3),
    }
