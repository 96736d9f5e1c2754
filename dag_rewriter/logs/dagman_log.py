"""The schedd's own record of the DAGMan job (`X.dag.dagman.log`): the only proof that a DAGMan has ended."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dag_rewriter.logs.user_log import HEADER, WHEN, Number, alias_in, exit_in, job_of

_EVENT = re.compile(
    HEADER + rb"(?P<when>" + WHEN + rb")?(?P<rest>[^\n]*)\n(?P<more>[\t ][^\n]*)?", re.MULTILINE
)
_NODE = re.compile(rb"\bDAGNodeName = |^ +DAG Node: ")
"""In the note of a submit event, of HTCondor 25 and 23: another DAGMan has submitted this one."""


@dataclass(frozen=True, slots=True)
class DagmanJob:
    """A DAGMan job of a submit directory, and how it left the queue if it did.

    `code` is its exit code or the signal's number, `when` the event's time as it stands there (`user_log.seconds_of`).
    `host` is where it was submitted, empty if that is not said. `is_node`: another DAGMan has submitted it, as a node.
    """

    job: str
    ended: bool = False
    code: int | None = None
    when: str = ""
    host: str = ""
    is_node: bool = False


def parse(data: bytes) -> DagmanJob | None:
    """What the log says of the job that was submitted last; None if none was.

    >>> job = parse(b"000 (7.000.000) 2026-11-23 05:29:34 x\\n...\\n"
    ...       b"005 (7.000.000) 2026-11-23 05:29:35 x\\n\\t(1) Normal termination (return value 1)\\n...\\n")
    >>> job.job, job.ended, job.code, job.when
    ('7.0', True, 1, '2026-11-23 05:29:35')
    """
    jobs = _jobs(data)
    return list(jobs.values())[-1] if jobs else None


def job_in(data: bytes, job: str) -> DagmanJob | None:
    """What the log says of one job, by its id; None if nothing. A second DAGMan that was refused is another job."""
    return _jobs(data).get(job)


def started(data: bytes, job: str) -> str | None:
    """When the schedd has started a job for the first time, as it stands there; None if it did not.

    If nothing is said of that job: when it started the first one.
    """
    runs = [event for event in _EVENT.finditer(data) if event["number"] == Number.EXECUTE.value]
    when = next((event["when"] for event in runs if job_of(event) == job), runs[0]["when"] if runs else None)
    return None if when is None else when.decode("ascii")


def queued(data: bytes) -> str | None:
    """The DAGMan job that is in the queue (perhaps held); None if the last event says that one has left.

    >>> queued(b"000 (055.000.000) submitted\\n...\\n012 (055.000.000) held\\n...\\n")
    '55.0'
    """
    last = None
    for last in _EVENT.finditer(data):  # noqa: B007
        pass
    if last is None or last["number"] in (Number.TERMINATED.value, Number.ABORTED.value):
        return None
    return job_of(last)


def _jobs(data: bytes) -> dict[str, DagmanJob]:
    """All jobs, in the order in which they were submitted."""
    jobs: dict[str, DagmanJob] = {}
    for event in _EVENT.finditer(data):
        job = job_of(event)
        known = jobs.get(job, DagmanJob(job))
        match event["number"]:
            case Number.TERMINATED.value | Number.ABORTED.value:
                code = exit_in(event["more"] or b"")
                when = (event["when"] or b"").decode("ascii", "replace")
                known = replace(known, ended=True, code=None if code is None else abs(code), when=when)
            case Number.SUBMIT.value:
                host = (alias_in(event["rest"]) or b"").decode("ascii", "replace")
                known = DagmanJob(job, host=host, is_node=_NODE.search(event["more"] or b"") is not None)
            case Number.EXECUTE.value:
                known = replace(known, ended=False, code=None, when="")
        jobs[job] = known
    return jobs
