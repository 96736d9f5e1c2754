"""From a database to the figures of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.outcome.wall_time import State, elapsed, wall_time
from monitord_job.statistics.dags import asked_in, categories_of, directory_of, places
from monitord_job.statistics.model.figures import (
    Clock,
    Counts,
    Figures,
    Level,
    Statistics,
    WallTime,
    Workflow,
)
from monitord_job.statistics.model.requests import by_request
from monitord_job.statistics.model.usage import Usage
from monitord_job.statistics.queries import invocations, jobs
from monitord_job.statistics.queries.categories import category_uses
from monitord_job.statistics.queries.critical_paths import critical_path
from monitord_job.statistics.queries.incomplete import what_is_lacking
from monitord_job.statistics.queries.questions import Questions
from monitord_job.statistics.queries.requests import requests
from monitord_job.statistics.queries.usage_counts import usage
from monitord_job.statistics.queries.workflows import ids, last_event, run_of

_COUNTED = {Level.SUMMARY, Level.WORKFLOWS}


def read_run(
    questions: Questions,
    wf_uuid: str,
    levels: Collection[Level],
    place: Path | None = None,
    *,
    any_attempt: bool = False,
) -> Statistics:
    """What the levels ask for of one workflow and all below it. `any_attempt` as in `task_tallies`.

    Categories are those of the DAGs below `place`, by default where they were planned.

    Raises MonitorError if it is not in the database.
    """
    workflows, states = run_of(questions, wf_uuid)
    reader = _Reader(questions, workflows, any_attempt=any_attempt)
    until = _until(questions, workflows, states)
    figures = reader.figures(levels)
    if Level.USE in levels:
        figures = reader.with_files(figures, place or Path(workflows[0].submit_dir), until)
    clock = reader.clock() if Level.TIME in levels else Clock()
    seconds = wall_time(states, until)
    lacking = what_is_lacking(questions, workflows, until)
    return Statistics(
        figures,
        seconds,
        clock,
        lacking,
        elapsed(states, until),
        usage(questions, ids(workflows)) if Level.USE in levels else Usage(),
        critical_path(questions, workflows[0].wf_id, until) if Level.PATH in levels else (),
    )


def together(runs: Sequence[Statistics]) -> Statistics:
    """Several runs as one; a single one stays what it is."""
    if len(runs) == 1:
        return runs[0]
    return Statistics(
        tuple(one for run in runs for one in run.figures),
        None,
        sum((run.clock for run in runs), Clock()),
        tuple(dict.fromkeys(lack for run in runs for lack in run.incomplete)),
        usage=sum((run.usage for run in runs), Usage()),
    )


def _until(questions: Questions, workflows: Sequence[Workflow], states: Sequence[State]) -> float | None:
    """The last thing told of a run whose end was not."""
    if not states or workflows[0].ended:
        return None
    told = last_event(questions, ids(workflows))
    newest = max(state.at for state in states)
    return newest if told is None else max(told, newest)


class _Reader:
    """The figures of all workflows of one run; each question is asked once for all of them."""

    def __init__(self, questions: Questions, workflows: list[Workflow], *, any_attempt: bool) -> None:
        self._questions = questions
        self._workflows = workflows
        self._ids = ids(workflows)
        self._any_attempt = any_attempt

    def figures(self, levels: Collection[Level]) -> tuple[Figures, ...]:
        figures = {one.wf_id: Figures(one) for one in self._workflows}
        if _COUNTED.intersection(levels):
            self._count(figures)
        if {Level.BREAKDOWN, Level.SUMMARY, Level.USE}.intersection(levels):
            for wf_id, ran in invocations.breakdowns(self._questions, self._ids).items():
                figures[wf_id] = replace(figures[wf_id], breakdown=ran.breakdown, kickstart=ran.kickstart)
        if Level.INTEGRITY in levels or Level.SUMMARY in levels:
            self._check(figures)
        return tuple(figures.values())

    def with_files(self, figures: Iterable[Figures], place: Path, until: float | None) -> tuple[Figures, ...]:
        """With what no database has: how full categories were, what jobs asked for; of the DAGs that are there."""
        where = places(place, self._workflows)
        return tuple(self._with_file(one, directory_of(one.workflow, where), until) for one in figures)

    def _with_file(self, one: Figures, submit_dir: SubmitDir | None, until: float | None) -> Figures:
        if submit_dir is None:
            return one
        wf_id = one.workflow.wf_id
        uses = category_uses(self._questions, wf_id, categories_of(submit_dir), until)
        asked = by_request(requests(self._questions, wf_id, asked_in(submit_dir)))
        return replace(one, categories=tuple(uses), requests=tuple(asked.values()))

    def _count(self, figures: dict[int, Figures]) -> None:
        tasks = invocations.task_tallies(self._questions, self._ids, any_attempt=self._any_attempt)
        for wf_id, (counts, wall) in jobs.outcomes(self._questions, self._workflows).items():
            whole: Counts = replace(counts, tasks=tasks[wf_id])
            side: WallTime = wall
            figures[wf_id] = replace(figures[wf_id], counts=whole, submit_side=side)

    def _check(self, figures: dict[int, Figures]) -> None:
        for wf_id, rows in invocations.checksums(self._questions, self._ids).items():
            figures[wf_id] = replace(figures[wf_id], integrity=rows)
        for wf_id, (errors, failures) in invocations.integrity_errors(self._questions, self._ids).items():
            figures[wf_id] = replace(figures[wf_id], integrity_errors=errors, integrity_failures=failures)

    def clock(self) -> Clock:
        return Clock(
            jobs.when_jobs_ran(self._questions, self._ids),
            invocations.when_invocations_ran(self._questions, self._ids),
        )
