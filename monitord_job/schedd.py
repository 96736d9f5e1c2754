"""The only door to HTCondor's schedd: submit a DAG, ask for its job, hold and release it, throttle its DAGMan."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import classad2
import htcondor2

from monitord_job.errors import ScheddError

_UP = "is HTCondor up, and is CONDOR_CONFIG set for it? try `condor_q`, or `bridle pool start`"
_BINDING = "doesn't match server's network address"
_OLDER = (
    "the schedd is older than these Python bindings of HTCondor: set SEC_FS_ENFORCE_CHANNEL_BINDING = False in the "
    "configuration that bridle reads (docs/categories.md), or _CONDOR_SEC_FS_ENFORCE_CHANNEL_BINDING=False in its "
    "environment"
)


class JobStatus(IntEnum):
    """HTCondor's numbers (condor_includes/proc.h), as far as a DAGMan job has them."""

    IDLE = 1
    RUNNING = 2
    REMOVED = 3
    COMPLETED = 4
    HELD = 5


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job in the queue: `status` is HTCondor's number (1 idle, 2 running, 5 held ...)."""

    job: str
    status: int
    hold_reason: str | None
    command: str = ""
    cool_down_until: int = 0
    """seconds since the epoch; before that the schedd does not start the job again (25.10 and newer)"""


def submit_dag(dag_file: Path, attributes: Mapping[str, str]) -> str:
    """Submit a DAG as condor_submit_dag does, from its directory; the id of the DAGMan job, `cluster.0`.

    `attributes` are ClassAd expressions for the DAGMan job. Raises ScheddError.
    """
    with _directory(dag_file.parent), _asking(str(dag_file), "the DAG was not submitted"):
        # update_submit: a file of an earlier submission is no error, its -MaxJobs and the like are kept.
        description = htcondor2.Submit.from_dag(dag_file.name, {"UpdateSubmit": True})
        for name, value in attributes.items():
            description[f"MY.{name}"] = value
        return f"{htcondor2.Schedd().submit(description).cluster()}.0"


def dagman_jobs(dagman_log: Path) -> list[QueuedJob]:
    """The DAGMan jobs in the queue whose event log this is. Raises ScheddError."""
    with _asking(str(dagman_log), "the queue cannot be asked"):
        log = classad2.quote(str(dagman_log))
        ads = htcondor2.Schedd().query(
            constraint=f"JobUniverse == 7 && UserLog == {log}",
            projection=["ClusterId", "ProcId", "JobStatus", "HoldReason", "Cmd", "JobCoolDownExpiration"],
        )
        return [
            QueuedJob(
                f"{ad['ClusterId']}.{ad['ProcId']}",
                int(ad["JobStatus"]),
                ad.get("HoldReason"),
                str(ad.get("Cmd", "")),
                int(ad.get("JobCoolDownExpiration", 0)),
            )
            for ad in ads
        ]


def hold_job(job: str, reason: str) -> None:
    """Put a job on hold. Raises ScheddError."""
    with _asking(f"job {job}", "it was not held"):
        done = htcondor2.Schedd().act(htcondor2.JobAction.Hold, [job], reason=reason)
        _expect_success(job, "it was not held", done)


def release_job(job: str) -> None:
    """Take a job off hold. Raises ScheddError."""
    with _asking(f"job {job}", "it was not released"):
        done = htcondor2.Schedd().act(htcondor2.JobAction.Release, [job], reason="bridle has changed its DAG")
        _expect_success(job, "it was not released", done)


def end_cool_down(job: str) -> None:
    """Let the schedd start a job at once that it would let wait (300 s, 25.10 and newer). Raises ScheddError."""
    with _asking(f"job {job}", "its waiting time was not ended"):
        htcondor2.Schedd().edit([job], "JobCoolDownExpiration", "0")


def _expect_success(job: str, what: str, result: Mapping[str, object]) -> None:
    if not result.get("TotalSuccess"):
        raise ScheddError(f"job {job}", f"{what}: the schedd changed no job", "see `condor_q -nobatch`")


THROTTLES: Mapping[str, str] = {
    "nodes": "DAGMan_MaxJobs",
    "idle": "DAGMan_MaxIdle",
    "pre": "DAGMan_MaxPreScripts",
    "post": "DAGMan_MaxPostScripts",
    "hold": "DAGMan_MaxHoldScripts",
    "submits": "DAGMan_MaxSubmitsPerInterval",
}
"""Our word for each of DAGMan's throttles -> its attribute in the DAGMan job."""


def throttles_of(job: str) -> dict[str, int]:
    """DAGMan's throttles as its job has them, by our words; 0 is no limit. Raises ScheddError."""
    with _asking(f"job {job}", "the queue cannot be asked"):
        found = _one(job, list(THROTTLES.values()))
        return {word: int(found[name]) for word, name in THROTTLES.items() if name in found}


def command_throttles(job: str, limits: Mapping[str, int]) -> dict[str, int]:
    """Tell a running DAGMan (25.10 and newer) its throttles; all that it has then. Raises ScheddError."""
    arguments = {f"max_{word}": number for word, number in limits.items()}
    with _asking(f"job {job}", "DAGMan was not reached"):
        answer = htcondor2.DAGMan(int(job.partition(".")[0])).throttle(**arguments)
    if isinstance(answer, str):
        now = "is it running, and of HTCondor 25.10 or newer?"
        raise ScheddError(f"job {job}", f"DAGMan changed nothing: {answer}", now)
    found = {word: answer.get(name) for word, name in THROTTLES.items()}
    return {word: int(number) for word, number in found.items() if number is not None}


_FLAGS: Mapping[str, str] = {
    "nodes": "-MaxJobs",
    "idle": "-MaxIdle",
    "pre": "-MaxPre",
    "post": "-MaxPost",
    "hold": "-MaxHold",
}
"""What condor_dagman calls them on its command line; there is no flag for submits."""


def with_throttles(arguments: str, limits: Mapping[str, int]) -> str:
    """DAGMan's command line with other throttles; the last word of a flag counts.

    >>> with_throttles("-Dag x.dag -MaxIdle 1000 -MaxJobs 3", {"nodes": 5})
    '-Dag x.dag -MaxIdle 1000 -MaxJobs 5'
    """
    for word, number in limits.items():
        if flag := _FLAGS.get(word):
            arguments = re.sub(rf" {flag} \d+(?= |$)", "", arguments) + f" {flag} {number}"
    return arguments


def edit_throttles(job: str, limits: Mapping[str, int]) -> None:
    """Tell an older DAGMan (23) its throttles: in its job's attributes, where it looks every now and then, and in its
    arguments, from which it writes the attributes anew whenever it is started again. Raises ScheddError.
    """
    with _asking(f"job {job}", "its throttles were not changed"):
        schedd = htcondor2.Schedd()
        arguments = _one(job, ["Arguments"]).get("Arguments")
        if arguments is not None:  # else it has just left the queue, which the next line says
            schedd.edit([job], "Arguments", classad2.quote(with_throttles(str(arguments), limits)))
        for word, number in limits.items():
            schedd.edit([job], THROTTLES[word], str(number))


def _one(job: str, attributes: list[str]) -> Mapping[str, Any]:
    """These attributes of a job, as far as it has them; none if it has left the queue."""
    cluster, _, proc = job.partition(".")
    constraint = f"ClusterId == {int(cluster)} && ProcId == {int(proc or 0)}"
    found: list[Mapping[str, Any]] = htcondor2.Schedd().query(constraint=constraint, projection=attributes)
    return found[0] if found else {}


@contextmanager
def _asking(where: str, what: str) -> Iterator[None]:
    try:
        yield
    except (htcondor2.HTCondorException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ScheddError(where, f"{what}: {reason}", _OLDER if _BINDING in reason else _UP) from error


@contextmanager
def _directory(path: Path) -> Iterator[None]:
    """condor_submit_dag names its files relative to where it runs; DAGMan then runs there too."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
