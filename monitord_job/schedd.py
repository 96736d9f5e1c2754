"""The only door to HTCondor's schedd: submit a DAG, ask for its job."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import classad2
import htcondor2

from monitord_job.errors import ScheddError

_UP = "is HTCondor up, and is CONDOR_CONFIG set for it? try `condor_q`, or `bridle pool start`"


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job in the queue: `status` is HTCondor's number (1 idle, 2 running, 5 held ...)."""

    job: str
    status: int
    hold_reason: str | None


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
            projection=["ClusterId", "ProcId", "JobStatus", "HoldReason"],
        )
        return [
            QueuedJob(f"{ad['ClusterId']}.{ad['ProcId']}", int(ad["JobStatus"]), ad.get("HoldReason"))
            for ad in ads
        ]


@contextmanager
def _asking(where: str, what: str) -> Iterator[None]:
    try:
        yield
    except (htcondor2.HTCondorException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ScheddError(where, f"{what}: {reason}", _UP) from error


@contextmanager
def _directory(path: Path) -> Iterator[None]:
    """condor_submit_dag names its files relative to where it runs; DAGMan then runs there too."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
