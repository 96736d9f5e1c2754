"""Which old runs may be taken out of a database, and what became of them, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitord_job.diagnosis.run_states import OVER, Condition
from monitord_job.runs.listing import ListedRun
from monitord_job.runs.run_condition import word_of


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run in which nothing has happened for long, as the database has it. Times in seconds since the epoch."""

    wf_uuid: str
    newest: float
    """when its state, or that of a sub-workflow, changed last"""
    workflows: int
    """with its sub-workflows"""
    jobs: int
    undelivered: int
    """notifications that are due or running"""
    unwritten: int
    """blocks of events that are not written out"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a run is to go; `stays`: why not, in words for people, empty if it goes."""

    run: OldRun
    listed: ListedRun
    stays: str = ""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune did, or would do."""

    verdicts: tuple[Verdict, ...] = ()
    silence: str = ""
    """why the queue could not be asked, empty if it was"""
    resumed: tuple[str, ...] = ()
    """the uuids of runs that a prune which was cut off had begun to take out"""
    unnamed_files: int | None = None
    """files that no task names and that have no place, if these were to go, too"""
    rows: int = 0
    """that were deleted"""
    indexes: tuple[str, ...] = field(default=())
    """that were made first, or would be"""

    @property
    def gone(self) -> list[Verdict]:
        """The runs that went, or would go."""
        return [one for one in self.verdicts if not one.stays]


def reason_to_stay(run: OldRun, listed: ListedRun, *, keep_failed: bool) -> str:
    """Why a run must not go; empty if it may."""
    if listed.condition not in OVER:
        return f"it has not ended: {word_of(listed.condition)}"
    if listed.record.ended is None:
        return "its end is not stored"
    if listed.monitor is not None:
        return f"its monitor is {listed.monitor.value}"
    if run.undelivered:
        return f"{run.undelivered} of its notifications are not delivered"
    if run.unwritten:
        return "events of it are not written out"
    if keep_failed and listed.condition is not Condition.SUCCEEDED:
        return f"it ended as {word_of(listed.condition)}"
    return ""
