"""What a message tells of a run: values. `report_queries` fills them, `report_view` renders."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from monitord_job.analysis.model.failure import NO_GROUPS, Groups
from monitord_job.messages.event_context import EventContext
from monitord_job.outcome.cause import said
from monitord_job.outcome.node_status import percent_done
from monitord_job.text.display import one_line

TEST = "test"


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The attempt that a message is about."""

    type: str
    transformation: str = ""
    site: str = ""
    host: str = ""
    seconds: float | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """How far a workflow is. Times in seconds since the epoch; `types`: status -> how many, by type of job."""

    label: str
    state: str
    host: str = ""
    started: int | None = None
    ended: int | None = None
    restarts: int = 0
    done: int = 0
    total: int = 0
    types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    failed: Groups = NO_GROUPS
    held: Groups = NO_GROUPS
    failed_below: Groups = NO_GROUPS
    """in sub-workflows, whose jobs are not counted above"""
    held_below: Groups = NO_GROUPS

    @property
    def percent(self) -> int:
        """Of jobs that are done; 100 only when all are."""
        return percent_done(self.done, self.total)


@dataclass(frozen=True, slots=True)
class Report:
    """All that a message says. `trouble`: why there is no `run`; `again`: what goes on with it, if not `bridle run`."""

    about: EventContext
    now: int
    run: Run | None = None
    job: JobFacts | None = None
    trouble: str = ""
    again: str = ""

    @property
    def name(self) -> str:
        """Of the workflow."""
        return (self.run.label if self.run else "") or self.about.workflow or "bridle"

    @property
    def headline(self) -> str:
        """What happened to whom, in one line of at most some 200 characters.

        >>> Report(EventContext("error", workflow="mosaic-0", job="project_ID07", status=3, attempt=2), 0).headline
        'project_ID07 failed (exit code 3, attempt 2)'
        """
        about = self.about
        if about.event == TEST:
            return "a test message: this is where notifications arrive"
        whom = "workflow" if about.job is None else one_line(about.job, 80)
        if about.task is not None:
            whom = f"task {about.task} of {whom}"
        if not about.event:
            return f"workflow: {self.run.state if self.run else about.said}"
        return f"{whom} {about.said}{_bracketed(self._details())}"

    def _details(self) -> Iterator[str]:
        about = self.about
        if about.status and about.job is not None and not about.reason:
            yield said(about.status)
        if about.job is not None and (about.attempt or 0) > 1:
            yield f"attempt {about.attempt}"
        if about.reason and about.job is not None:
            yield one_line(about.reason, 80)
        if about.job is None and self.run and self.run.failed.count:
            yield f"{self.run.failed.count} of {self.run.total} jobs failed"

    @property
    def subject(self) -> str:
        """For a mail: one line, whatever jobs are called.

        >>> Report(EventContext("held", workflow="m-0", job="a\\nBcc: x", reason="no file"), 0).subject
        'm-0: a Bcc: x is held (no file)'
        """
        progress = f", {self.run.percent}% done" if self.run and self.run.total else ""
        return one_line(f"{one_line(self.name, 60)}: {self.headline}{progress}", 220)


def _bracketed(details: Iterable[str]) -> str:
    said = ", ".join(details)
    return f" ({said})" if said else ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, and the command that does it."""

    what: str
    command: str


def advice(report: Report) -> tuple[Advice, ...]:
    """What may be done now."""
    if not report.about.run:
        return ()
    where, run = shlex.quote(report.about.run), report.run
    steps = [Advice("Check its status", f"bridle status {where}")]
    if report.about.on and report.about.on.meaning.needs_diagnosis:
        steps.append(Advice("Diagnose it", f"bridle recover {where}"))
    if run and (run.held.count or run.held_below.count):
        steps.append(Advice("See which jobs are held, and why", "condor_q -hold -nobatch"))
        steps.append(Advice("When the cause is fixed, release a job", "condor_release JOB_ID"))
    if run and run.state == "failed":
        steps.append(Advice("See where the next run would start", f"bridle rescue show {where}"))
        again = report.again or f"bridle run {where}"
        steps.append(Advice("When the cause is fixed, resume from there", again))
    return tuple(steps)
