"""What a message tells of a run: values. `report_queries` fills them, `report_view` renders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from monitord_job.messages.event_context import EventContext
from monitord_job.outcome.cause import said
from monitord_job.stampede.output_text import unquote
from monitord_job.text.display import last_lines, one_line

TEST = "test"
MOST_GROUPS, MOST_NAMES, MOST_LINES = 8, 5, 4
"""Of failures that are equal; of jobs named in each; of lines of what they wrote."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed, or a job that is held. `code` is an exit code, minus a signal, or None."""

    job: str
    type: str
    code: int | None = None
    reason: str = ""
    lines: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Failures that are equal but for names and numbers; what is shown is that of the first."""

    first: Failure
    count: int
    names: tuple[str, ...]

    @property
    def others(self) -> int:
        """How many are not named."""
        return self.count - len(self.names)

    @property
    def cause(self) -> str:
        """In a word."""
        return self.first.reason or said(self.first.code)


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest groups; `count` is how many there are in all, `others` how many are in none of these."""

    count: int = 0
    groups: tuple[Group, ...] = ()

    @property
    def others(self) -> int:
        return self.count - sum(group.count for group in self.groups)


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
    failed: Groups = Groups()
    held: Groups = Groups()
    failed_below: Groups = Groups()
    """in sub-workflows, whose jobs are not counted above"""
    held_below: Groups = Groups()

    @property
    def percent(self) -> int:
        """Of jobs that are done; 100 only when all are."""
        return 100 * self.done // self.total if self.total else 0


@dataclass(frozen=True, slots=True)
class Report:
    """All that a message says. `trouble`: why there is no `run`."""

    about: EventContext
    now: int
    run: Run | None = None
    job: JobFacts | None = None
    trouble: str = ""

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


_DIGITS = re.compile(
    r"(?:0x[0-9a-fA-F]+|[0-9a-fA-F]*[0-9][0-9a-fA-F]*)(?:[.:_-]?[0-9a-fA-F]*[0-9][0-9a-fA-F]*)*"
)


def alike(failure: Failure) -> tuple[str, int | None, str, tuple[str, ...]]:
    """What is equal of two failures that are the same to people: numbers and the job's name do not count.

    >>> alike(Failure("w_7", "compute", 1, lines=("w_7: no part.00007",)))[3]
    ('JOB: no part.#',)
    """
    name = failure.job
    lines = tuple(_DIGITS.sub("#", line.replace(name, "JOB")) for line in failure.lines)
    return failure.type, failure.code, _DIGITS.sub("#", failure.reason.replace(name, "JOB")), lines


class Grouping:
    """Groups failures as they come; keeps the first of each group, and few names."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int | None, str, tuple[str, ...]], tuple[Failure, list[str]]] = {}
        self._counts: dict[tuple[str, int | None, str, tuple[str, ...]], int] = {}

    def add(self, failure: Failure, name: str = "") -> None:
        """`name` is how the job is called where it is named; its own name if nothing is given."""
        key = alike(failure)
        _, names = self._found.setdefault(key, (failure, []))
        self._counts[key] = self._counts.get(key, 0) + 1
        if len(names) < MOST_NAMES:
            names.append(name or failure.job)

    def largest(self, count: int) -> Groups:
        """The largest groups of `count` failures (those that were not added are in none)."""
        keys = sorted(self._counts, key=lambda key: -self._counts[key])[:MOST_GROUPS]
        return Groups(
            count,
            tuple(Group(self._found[key][0], self._counts[key], tuple(self._found[key][1])) for key in keys),
        )


_SECTION = re.compile(r"^#@ (\d{1,9}) (stdout|stderr)\n", re.MULTILINE)
_DECORATION = re.compile(r"^#{4,}.*$", re.MULTILINE)
"""PegasusLite's headings."""


def last_words(task: int | None, stdout_text: str, stderr_text: str) -> tuple[str, ...]:
    """The last lines of what failed, from the texts of an attempt as Stampede keeps them (or from their ends).

    Of the task that failed, if it is there: what it wrote to stderr, else to stdout; else the job's own stderr, which
    comes before stdout where no PegasusLite writes there, too.

    >>> last_words(1, "#@ 1 stdout%0Aa%0A#@ 1 stderr%0A no flag%0A", "PegasusLite")
    ('no flag',)
    """
    pieces = _SECTION.split(unquote(stdout_text))
    found = {(int(pieces[at]), pieces[at + 1]): pieces[at + 2] for at in range(1, len(pieces) - 2, 3)}
    numbers = [task] if task is not None and any(task == number for number, _ in found) else []
    numbers = numbers or sorted({number for number, _ in found})[-1:]
    texts = [found.get((number, stream), "") for stream in ("stderr", "stdout") for number in numbers]
    own = _DECORATION.sub("", unquote(stderr_text))
    texts.insert(len(texts) if "PegasusLite" in own or len(found) > 1 else 0, own)
    texts.append("" if found else pieces[0])
    for text in texts:
        lines = last_lines(text, MOST_LINES)
        if lines:
            return (lines[0].lstrip(), *lines[1:]) if text[:1] == " " else lines
    return ()


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
    found = [Advice("Check its status", f"bridle status {where}")]
    if report.about.on and report.about.on.meaning.needs_diagnosis:
        found.append(Advice("Diagnose it", f"bridle recover {where}"))
    if run and (run.held.count or run.held_below.count):
        found.append(Advice("See which jobs are held, and why", "condor_q -hold -nobatch"))
        found.append(Advice("When the cause is fixed, release a job", "condor_release JOB_ID"))
    if run and run.state == "failed":
        found.append(Advice("See where the next run would start", f"bridle rescue show {where}"))
        found.append(Advice("When the cause is fixed, resume from there", f"bridle run {where}"))
    return tuple(found)
