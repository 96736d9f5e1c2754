"""How many jobs of a node failed, from DAGMan's debug log: newer DAGMans may be told to tolerate some (24.8, 25.14).

The JOBSTATE_LOG has one word for all jobs of a node's cluster. It follows from the exit code of the first that failed,
or from a success after that (dag.cpp ProcessTerminatedEvent), and not from whether DAGMan takes the node for failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dag_rewriter.logs import jobstate_log
from dag_rewriter.logs.events import REMOVED, NodeEvent

JOB_ENDS = frozenset({"JOB_SUCCESS", "JOB_FAILURE"})
"""DAGMan's words for the end of a node's jobs."""
SETTING = b"DAGMAN_NODE_JOB_FAILURE_TOLERANCE setting: "
"""What DAGMan says when it starts, before a number."""
LONGEST_SETTING = len(SETTING) + 10
TOLERATES = re.compile(re.escape(SETTING) + rb"0{0,9}[1-9]")
"""A DAGMan that tolerates failures whatever the DAG says."""

_SETTING = re.compile(re.escape(SETTING) + rb"(\d{1,10})$")
_ENDED = re.compile(
    rb"job proc \((\d{1,10})\.(\d{1,10})\.\d{1,10}\)"
    rb" (?:completed successfully|failed with (status|signal) (-?\d{1,10}))\.$"
    rb"|Event: ULOG_JOB_ABORTED for (?:\w+ )?Node \S+ \((\d{1,10})\.(\d{1,10})\."
)
_RECOVERED = re.compile(rb"Event: ULOG_SUBMIT for (?:\w+ )?Node \S+ \((\d{1,10})\.[^\n]* \[recovery mode\]")
_MARKS = (b" [recovery mode]", b" job proc (", b"Event: ULOG_JOB_ABORTED for ", SETTING)


class Tolerance(NamedTuple):
    """TOLERANCE of a node: so many failed jobs, or so many percent of its jobs, do not fail it."""

    value: int
    percent: bool = False


class NodeJobs(NamedTuple):
    """The jobs of one cluster: how many there are, how many failed, and the exit code of the first that did.

    A signal is a negative number, and REMOVED stands for a job that was removed. `setting` is what DAGMan tolerates of
    any node. `recovered`: it has come again since it submitted them, and takes them for none where it counts percents.
    """

    total: int
    failed: int
    code: int
    setting: int = 0
    recovered: bool = False

    def may_fail(self, tolerance: Tolerance | None) -> int:
        """How many may, before DAGMan takes the node for failed (node.cpp CheckBatchFailed); None: the DAG is silent.

        >>> jobs = NodeJobs(total=5, failed=2, code=3, setting=1)
        >>> jobs.may_fail(None), jobs.may_fail(Tolerance(2)), jobs.may_fail(Tolerance(39, percent=True))
        (1, 2, 1)
        """
        if tolerance is None:
            return self.setting
        if tolerance.percent:
            return 0 if self.recovered else tolerance.value * self.total // 100
        return tolerance.value


@dataclass(slots=True)
class _Cluster:
    """Exit codes by number of the job: a DAGMan that recovers says again what was said."""

    codes: dict[int, int] = field(default_factory=dict)
    setting: int = 0
    recovered: bool = False


class Failures:
    """The clusters of which jobs failed, as far as a debug log was read.

    >>> failures = Failures()
    >>> failures.read([b"11/30/26 18:00:01 Node A job proc (7.0.0) failed with status 3.",
    ...                b"11/30/26 18:00:02 Node A job proc (7.1.0) completed successfully."])
    >>> failures.of("7.0")
    NodeJobs(total=2, failed=1, code=3, setting=0, recovered=False)
    """

    def __init__(self) -> None:
        self._setting = 0
        self._recovered_to = 0
        """the highest cluster that the DAGMan at work knows from its recovery alone"""
        self._failed: dict[bytes, _Cluster] = {}
        self._last: dict[bytes, int] = {}
        """the highest number of a job in a cluster, if that is not the first"""

    def of(self, job: str) -> NodeJobs | None:
        """All jobs of the cluster of one of them (`cluster.proc`); None if none failed."""
        cluster = job.partition(".")[0].encode()
        failed = self._failed.get(cluster)
        if failed is None:
            return None
        codes = failed.codes
        total = self._last.get(cluster, 0) + 1
        return NodeJobs(total, len(codes), next(iter(codes.values())), failed.setting, failed.recovered)

    def read(self, lines: Iterable[bytes]) -> None:
        """Take the next lines, in whatever form the times before the messages are."""
        for line in lines:
            if any(mark in line for mark in _MARKS):
                self._take(line)

    def _take(self, line: bytes) -> None:
        if match := _SETTING.search(line):
            self._setting, self._recovered_to = int(match[1]), 0
        elif match := _RECOVERED.search(line):
            self._recovered_to = max(int(match[1]), self._recovered_to)
        if (match := _ENDED.search(line)) is None:
            return
        cluster, number = match[1] or match[5], int(match[2] or match[6])
        if number:
            self._last[cluster] = max(number, self._last.get(cluster, 0))
        code = int(match[4] or 0) if match[1] else REMOVED
        if code:
            found = self._failed.setdefault(cluster, _Cluster())
            found.codes.setdefault(number, -code if match[3] == b"signal" else code)
            found.setting, found.recovered = self._setting, int(cluster) <= self._recovered_to


def judged(event: NodeEvent, tolerance: Tolerance | None, jobs: NodeJobs | None) -> NodeEvent:
    """DAGMan's word on the end of a node's jobs as it takes it itself; `jobs`: None where it has told of no failure.

    >>> word = NodeEvent(1, "A", "JOB_FAILURE", "3", 0)
    >>> judged(word, Tolerance(1), NodeJobs(total=3, failed=1, code=3))[2:]
    ('JOB_SUCCESS', '0', 0, '1 of 3 jobs failed, which its tolerance allows')
    """
    if jobs is None or event.state not in JOB_ENDS or not (most := jobs.may_fail(tolerance)):
        return event
    told = f"{jobs.failed} of {jobs.total} jobs failed"
    if jobs.failed <= most:
        return event._replace(state="JOB_SUCCESS", info="0", reason=f"{told}, which its tolerance allows")
    # Where one failed, one succeeded, and then too many failed, DAGMan's word is still that of the success.
    reason = f"{told}, more than its tolerance allows"
    return event._replace(state="JOB_FAILURE", info=str(jobs.code), reason=reason)


def judged_log(log: bytes, tolerances: Mapping[str, Tolerance], failures: Failures) -> bytes:
    r"""A JOBSTATE_LOG whose words on the end of jobs are as DAGMan takes them itself.

    >>> failures = Failures()
    >>> failures.read([b"Node A job proc (7.0.0) failed with status 3."])
    >>> judged_log(b"1 A SUBMIT 7.0 - - 1\n2 A JOB_FAILURE 3 - - 1\n", {"A": Tolerance(1)}, failures)
    b'1 A SUBMIT 7.0 - - 1\n2 A JOB_SUCCESS 0 - - 1\n'
    """
    lines = log.split(b"\n")
    jobs: dict[str, str] = {}
    for place, line in enumerate(lines):
        if b" SUBMIT " not in line and b" JOB_SUCCESS " not in line and b" JOB_FAILURE " not in line:
            continue
        event = jobstate_log.parse(line, "surrogateescape")
        if not isinstance(event, NodeEvent):
            continue
        if event.state == "SUBMIT":
            jobs[event.node] = event.info
        elif event.node in jobs:
            taken = judged(event, tolerances.get(event.node), failures.of(jobs[event.node]))
            if taken is not event:
                words = (event.time, event.node, taken.state, taken.info, "-", "-", event.attempt)
                lines[place] = " ".join(map(str, words)).encode("utf-8", "surrogateescape")
    return b"\n".join(lines)
