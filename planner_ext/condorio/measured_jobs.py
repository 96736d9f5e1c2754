"""What really moved: the event log of the jobs, summed up for each node, and the transfers side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.logs.file_transfers import Attempt, Transfer, attempts_in, pieces_of
from planner_ext.condorio.model import Measured


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many transfers were at work side by side, of both directions alike. Times to the second."""

    transfers: int = 0
    """that the log tells the times of"""
    peak: int = 0
    peak_rate: float = 0.0
    """most bytes per second, each transfer spread evenly over its time"""
    peak_after: int = 0
    """seconds after the first transfer began"""


@dataclass(slots=True)
class Log:
    """All of a log, for the nodes that it names."""

    by_node: dict[str, Measured] = field(default_factory=dict)
    up: Concurrency = Concurrency()
    down: Concurrency = Concurrency()
    most_jobs: int = 0
    """most jobs that ran side by side"""
    in_queue: int = 0
    """jobs that have not left"""


def read_log(submit_dir: SubmitDir) -> Log:
    """The log that all planned jobs share, else DAGMan's own; empty if neither is there. FileError."""
    for path in _logs(submit_dir):
        if files.mode_of(path) is not None:
            try:
                with files.stream_of(path) as stream:
                    return summed(attempts_in(pieces_of(stream)))
            except OSError as error:
                raise files.file_error(path, "read it", error) from error
    return Log()


def _logs(submit_dir: SubmitDir) -> Iterator[Path]:
    """Pegasus's has the transfers' times, and all runs; DAGMan's has the last run, and no times of transfers."""
    if submit_dir.is_planned:
        yield submit_dir.condor_log
    yield submit_dir.nodes_log


def summed(attempts: Iterable[Attempt]) -> Log:
    """Attempt by attempt. Pure."""
    log = Log()
    up: list[Transfer] = []
    down: list[Transfer] = []
    ran: list[tuple[int, int]] = []
    for one in attempts:
        for transfer in one.transfers:
            (up if transfer.to_job else down).append(transfer)
        if not one.has_left:
            log.in_queue += 1
            continue
        if one.began is not None and one.ended is not None and one.terminated:
            ran.append((one.began, max(one.ended, one.began)))
        log.by_node[one.node] = _with(log.by_node.get(one.node), one)
    log.up, log.down = concurrency(up), concurrency(down)
    log.most_jobs = _peak(_edges(ran))
    return log


def _with(before: Measured | None, one: Attempt) -> Measured:
    attempts, sent, returned = (before.attempts, before.sent, before.returned) if before else (0, 0, 0)
    return Measured(
        attempts + 1,
        sent + one.sent,
        returned + one.returned,
        one.last_sent,
        one.last_returned,
        one.run_seconds,
        one.terminated,
    )


def _edges(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(second, 1 more or less), what ends in a second before what begins then; what took none counts as a second."""
    edges = []
    for start, end in spans:
        edges += [(start, 1), (max(end, start + 1), -1)]
    edges.sort()
    return edges


def _peak(edges: Iterable[tuple[int, int]]) -> int:
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most


def concurrency(transfers: list[Transfer]) -> Concurrency:
    """Of transfers of one direction.

    >>> concurrency([Transfer(0, 10, 100, True), Transfer(5, 15, 300, True)])
    Concurrency(transfers=2, peak=2, peak_rate=40.0, peak_after=5)
    """
    if not transfers:
        return Concurrency()
    edges: list[tuple[int, int, float]] = []
    for one in transfers:
        end = max(one.end, one.start + 1)
        rate = one.size / (end - one.start)
        edges += [(one.start, 1, rate), (end, -1, -rate)]
    edges.sort()
    first = edges[0][0]
    now = peak = at = 0
    rate_now = most = 0.0
    for second, change, rate in edges:
        now += change
        rate_now += rate
        most = max(most, rate_now)
        if now > peak:
            peak, at = now, second - first
    return Concurrency(len(transfers), peak, most, at)
