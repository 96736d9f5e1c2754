"""The schedd's own record of the DAGMan job (`X.dag.dagman.log`): the only proof that a DAGMan has ended."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EVENT = re.compile(
    rb"^(\d{3}) \((\d+)\.(\d+)\.\d+\) (\S+ [\d:]+)?[^\n]*\n"
    rb"(?:\t\(\d\) [^\n]*?\((?:return value|signal) (\d+)\))?",
    re.MULTILINE,
)
_TERMINATED, _ABORTED, _SUBMITTED, _EXECUTING = b"005", b"009", b"000", b"001"


@dataclass(frozen=True, slots=True)
class DagmanJob:
    """A DAGMan job of a submit directory, and how it left the queue if it did.

    `code` is its exit code or the signal's number, `when` the event's time as it stands there: local, no zone.
    """

    job: str
    ended: bool = False
    code: int | None = None
    when: str = ""


def parse(data: bytes) -> DagmanJob | None:
    """What the log says of the job that was submitted last; None if none was.

    >>> parse(b"000 (7.000.000) 2026-11-23 05:29:34 x\\n...\\n"
    ...       b"005 (7.000.000) 2026-11-23 05:29:35 x\\n\\t(1) Normal termination (return value 1)\\n...\\n")
    DagmanJob(job='7.0', ended=True, code=1, when='2026-11-23 05:29:35')
    """
    jobs = _jobs(data)
    return list(jobs.values())[-1] if jobs else None


def job_in(data: bytes, job: str) -> DagmanJob | None:
    """What the log says of one job, by its id; None if nothing. A second DAGMan that was refused is another job."""
    return _jobs(data).get(job)


def _jobs(data: bytes) -> dict[str, DagmanJob]:
    """All jobs, in the order in which they were submitted."""
    found: dict[str, DagmanJob] = {}
    for number, cluster, proc, when, code in _EVENT.findall(data):
        job = f"{int(cluster)}.{int(proc)}"
        if number in (_TERMINATED, _ABORTED):
            found[job] = DagmanJob(job, True, int(code) if code else None, when.decode("ascii", "replace"))
        elif number in (_SUBMITTED, _EXECUTING) or job not in found:
            found[job] = DagmanJob(job)
    return found
