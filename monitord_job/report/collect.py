"""From a database to all that a report shows: one pass over attempts, states and records, side by side."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.analysis.collect import analyse
from monitord_job.analysis.model.analysis import Analysis
from monitord_job.analysis.model.last_words import last_words
from monitord_job.database.queries.attempts import StoredAttempt, read_attempts, status_of
from monitord_job.outcome.ending import RunEnd
from monitord_job.outcome.node_status import NodeStatus, attempt_status
from monitord_job.outcome.phases import segments
from monitord_job.report import queries
from monitord_job.report.measures import Measures
from monitord_job.report.queries import AttemptRow, Record
from monitord_job.report.run_data import Attempt, Output, RunData
from monitord_job.report.standing import Standing, standing_in, standing_of
from monitord_job.stampede.wait_status import exit_code
from monitord_job.statistics.collect import read_run
from monitord_job.statistics.model.critical_path import Link
from monitord_job.statistics.model.figures import Level, Statistics
from monitord_job.statistics.queries.questions import Questions, asking
from monitord_job.statistics.queries.workflows import states_of
from monitord_job.statistics.runs import target_of
from monitord_job.text.display import one_line

MOST = 50_000
"""Attempts that are kept one by one; beyond, all that failed and every n-th of the others."""
_MOST_FAILED = 20_000
MOST_LINES = 20
"""of what an attempt wrote"""
_NO_DEPTH = 1_000_000
_LEVELS = (Level.SUMMARY, Level.USE, Level.PATH)
_TELLING = (NodeStatus.FAILED, NodeStatus.HELD)


def read_data(submit_dir: SubmitDir, url: str | None, *, as_it_stands: bool) -> RunData:
    """All of a run and what is below it, caught up with its logs first unless it is wanted as it stands.

    Raises MonitorError if nothing of it is stored.
    """
    with opened(submit_dir, url, as_it_stands=as_it_stands) as (questions, standing):
        return collect(questions, submit_dir, standing)


@contextmanager
def opened(
    submit_dir: SubmitDir, url: str | None, *, as_it_stands: bool
) -> Iterator[tuple[Questions, Standing | None]]:
    """The database of a run, and how that stands; None where only the database says so."""
    database = target_of(submit_dir, url, as_it_stands=as_it_stands).database
    with asking(database) as questions:
        ours = questions.has("bridle_run") and not as_it_stands
        yield questions, standing_of(submit_dir, database, url) if ours else None


def collect(questions: Questions, submit_dir: SubmitDir, standing: Standing | None) -> RunData:
    """The same of an open database; how the run stands, if that is known from elsewhere."""
    statistics = read_run(questions, submit_dir.wf_uuid or "", _LEVELS, submit_dir.path)
    standing = standing or standing_in(statistics)
    return _Collector(questions, statistics).run_data(standing, str(submit_dir.path))


class _Beside:
    """Rows that begin with the key of an attempt, in its order, read beside the attempts."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._groups = groupby(rows, itemgetter(0))
        self._key = -1
        self._rows: Iterator[Any] = iter(())

    def of(self, instance: int) -> list[Any]:
        """Those of an attempt; asked for one after the other, with rising keys."""
        while self._key < instance:
            self._key, self._rows = next(self._groups, (sys.maxsize, iter(())))
        return list(self._rows) if self._key == instance else []


class _Collector:
    def __init__(self, questions: Questions, statistics: Statistics) -> None:
        self._questions = questions
        self._statistics = statistics
        self._workflows = [one.workflow for one in statistics.figures]
        self._ids = [one.wf_id for one in self._workflows]
        self._place = {wf_id: at for at, wf_id in enumerate(self._ids)}
        self._ends = [one.end for one in self._workflows]
        self._services = queries.services(questions, self._ids)
        self._planned = queries.planned_transformations(questions, self._ids)
        self._below: dict[tuple[int, str], int] = {}
        self._failed = 0
        self._numbers: defaultdict[int, Counter[NodeStatus]] = defaultdict(Counter)
        self.begin, self.end = self._span()
        self._measures = Measures(self.begin, self.end)

    def _span(self) -> tuple[float, float]:
        begin, end = queries.span(self._questions, self._ids) or (0.0, 0.0)
        own = [one.at for one in states_of(self._questions, self._ids[:1]).get(self._ids[0], ())]
        known = [one for one in (begin, *own) if one]
        return min(known, default=0.0), max([end, *own])

    def run_data(self, standing: Standing, submit_dir: str) -> RunData:
        attempts = list(self._attempts())
        attempts += self._never_begun(standing)
        self._read_sizes()
        attempts = self._with_outputs(self._on_the_path(attempts))
        analysis = analyse(self._questions, self._workflows[0].wf_uuid)
        return RunData(
            state=standing.word,
            advice=standing.advice,
            statistics=self._statistics,
            submit_dir=submit_dir,
            begin=self.begin,
            end=self.end,
            status_counts=_counts(analysis, standing),
            attempts=tuple(attempts),
            omitted=self._omitted,
            over_time=self._measures.over_time(),
            hosts=self._measures.hosts(),
            resources=self._measures.resources(),
            attempts_of_jobs={number: self._numbers[number] for number in sorted(self._numbers)},
            analysis=analysis,
        )

    def _attempts(self) -> Iterator[Attempt]:
        """All are measured, and so many are kept."""
        each = -(-queries.count_attempts(self._questions, self._ids) // MOST)
        self._omitted = 0
        states = _Beside(queries.states(self._questions, self._ids))
        records = _Beside(queries.records(self._questions, self._ids))
        for at, row in enumerate(queries.attempt_rows(self._questions, self._ids)):
            attempt = self._attempt(row, states.of(row.instance), records.of(row.instance))
            if attempt.is_newest:
                self._numbers[attempt.number][attempt.status] += 1
            telling = attempt.status in _TELLING and self._failed < _MOST_FAILED
            self._failed += telling
            if telling or not each or at % each == 0:
                yield attempt
            else:
                self._omitted += 1

    def _attempt(self, row: AttemptRow, steps: Sequence[Any], records: Sequence[Any]) -> Attempt:
        place = self._place[row.wf_id]
        last = steps[-1][1] if steps else None
        service = (row.wf_id, row.job) in self._services
        end = self._ends[place] if row.is_newest else RunEnd.CUT_SHORT  # another attempt came after it
        status = attempt_status(last, row.exitcode, service=service, end=end)
        ran = segments(((state, at) for _, state, at in steps), self.end if row.exitcode is None else None)
        kickstarts = [Record(*one) for one in records]
        name = kickstarts[0].transformation if kickstarts else self._planned.get(row.job_id, row.kind)
        attempt = Attempt(
            instance=row.instance,
            workflow=place,
            job=row.job,
            kind=row.kind,
            transformation=name,
            number=row.number,
            status=status,
            is_newest=bool(row.is_newest),
            code=None if row.exitcode is None else exit_code(row.exitcode),
            host=row.host,
            site=row.site,
            segments=ran,
            kickstart=_measured(kickstarts),
            cpu=_sum(one.cpu for one in kickstarts),
            memory=max((one.memory for one in kickstarts if one.memory is not None), default=None),
        )
        if row.below is not None:
            self._below[row.wf_id, row.job] = row.below
        # What a sub-workflow takes is what its own jobs take.
        self._measures.add(attempt, kickstarts, counts=row.below is None)
        return attempt

    def _never_begun(self, standing: Standing) -> Iterator[Attempt]:
        nodes = standing.nodes or {}
        told = 0
        for job_id, wf_id, job, kind in queries.never_begun(self._questions, self._ids):
            place = self._place[wf_id]
            status = (nodes if place == 0 else {}).get(job, NodeStatus.UNREADY)
            self._numbers[0][status] += 1
            told += 1
            if told > MOST:
                self._omitted += 1
                continue
            name = self._planned.get(job_id, kind)
            yield Attempt(0, place, job, kind, name, 0, status, True, None, None, None)

    def _read_sizes(self) -> None:
        for key, files in groupby(queries.file_sizes(self._questions, self._ids), itemgetter(0, 1, 2)):
            sizes = [int(one.value) for one in files if one.value.isascii() and one.value.isdigit()]
            if sizes:
                self._measures.add_files(key[0], key[1], sum(sizes))

    def _on_the_path(self, attempts: list[Attempt]) -> list[Attempt]:
        critical: set[tuple[int, str]] = set()
        self._mark(self._ids[0], self._statistics.path, critical)
        return [
            replace(one, is_critical=True) if (self._ids[one.workflow], one.job) in critical else one
            for one in attempts
        ]

    def _mark(self, wf_id: int, links: Iterable[Link], into: set[tuple[int, str]]) -> None:
        for link in links:
            into.add((wf_id, link.job))
            below = self._below.get((wf_id, link.job))
            if below is not None:
                self._mark(below, link.below, into)

    def _with_outputs(self, attempts: list[Attempt]) -> list[Attempt]:
        """Those that failed, or are held, with what they left to say."""
        telling = [one.instance for one in attempts if one.status in _TELLING and one.instance]
        # Causes inside of sub-workflows stand in a table of ours, which another monitor does not have.
        depth = 0 if self._questions.has("bridle_node") else _NO_DEPTH
        causes = read_attempts(self._questions.connection, telling, depth)
        lines = {
            instance: last_words(task, stdout, stderr, MOST_LINES)
            for instance, stdout, stderr, task in queries.outputs(self._questions, telling)
        }
        return [
            _with_output(one, causes[one.instance], lines[one.instance]) if one.instance in causes else one
            for one in attempts
        ]


def _counts(analysis: Analysis, standing: Standing) -> Counter[NodeStatus]:
    """Of all jobs, as DAGMan counts those of the run itself."""
    own = analysis.run.counts if standing.nodes is None else Counter(standing.nodes.values())
    return Counter(own) + Counter(analysis.below)


def _with_output(one: Attempt, stored: StoredAttempt, lines: tuple[str, ...]) -> Attempt:
    cause = "" if stored.cause is None else one_line(stored.cause.phrase, 500)
    code = one.code if stored.cause is None else status_of(stored.cause, None)
    return replace(one, code=code, output=Output(cause, lines, one_line(stored.output or "", 300)))


def _measured(records: Sequence[Record]) -> tuple[float, float] | None:
    """From the first to the last that was measured: a cluster's tasks come one after the other."""
    if not records:
        return None
    begin = min(one.begin for one in records)
    return begin, max(one.begin + one.seconds for one in records) - begin


def _sum(figures: Iterable[float | None]) -> float | None:
    known = [one for one in figures if one is not None]
    return sum(known) if known else None
