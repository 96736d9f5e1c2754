"""The states of a run, and the facts and values by which they are told: the words of `diagnose`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from dag_rewriter.directory.dagman_places import USUAL, DagmanPlaces, to_type
from monitord_job.condor_job import QueuedJob
from monitord_job.outcome.ending import Ending


class Condition(Enum):
    """A run in one word, while HTCondor has it and after; the value is for people and programs."""

    NEVER_SUBMITTED = "never submitted"
    WAITING = "waiting to start"
    RUNNING = "running"
    RECOVERING = "recovering"
    COOLING_DOWN = "cooling down"
    HELD = "held"
    HALTED = "halted"
    LEAVING = "being removed"
    TWO_DAGMANS = "two DAGMans"
    ORPHAN = "orphan DAGMan"
    LOST = "lost from the queue"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REMOVED = "removed"
    ABORTED = "aborted"
    ENDED_HALTED = "ended by its halt file"


class Trouble(Enum):
    """What may be wrong beside that."""

    BEHIND = "database behind"
    STALE_LOCK = "stale lock"
    LEFT_BEHIND = "jobs left behind"
    MONITOR_HELD = "monitor held"
    MONITOR_STOPPED = "monitor stopped"
    MONITOR_GONE = "monitor gone"
    SCHEDD_SILENT = "schedd does not answer"
    UNREADABLE = "log cannot be read"
    """what its nodes did is not known, and nothing that bridle does would tell"""
    RESCUE_PENDING = "rescue pending"
    """nodes that are done are to run again, in a run that nobody has started yet"""
    JOBS_HELD = "jobs held"
    STARTS_FOR_EVER = "starts for ever"


class Remedy(Enum):
    """What `bridle recover --fix` does; the value says it in words."""

    RELEASE = "release the DAGMan job"
    END_COOL_DOWN = "let the DAGMan job start at once"
    RESUME = "take the halt files away"
    END_ORPHANS = "end the DAGMan that no queue knows; the one in the queue goes on from there"
    RESUBMIT = "submit it again, so that nothing that is done is done again"
    RUN_AGAIN = "submit it again from its rescue DAG"
    CATCH_UP = "store what the logs hold"
    SET_LOCK_ASIDE = "set the stale lock aside, and keep what is done in a rescue DAG"
    REMOVE_LEFT_BEHIND = "remove the jobs that no DAGMan waits for"
    RELEASE_MONITOR = "release the monitor"
    START_MONITOR = "start a monitor outside HTCondor"


class Monitor(Enum):
    """Where the monitor of a run is."""

    GONE = "gone"
    AT_WORK = "at work"
    QUEUED = "in the queue"
    HELD = "held"
    STOPPED = "stopped"


class Lock(Enum):
    """DAGMan's lock file."""

    NONE = "none"
    LIVE = "live"
    STALE = "stale"


MOST_NAMED = 5
"""How many of a kind are named."""


@dataclass(frozen=True, slots=True)
class Process:
    """A living DAGMan of the run on this host; an orphan's parent is no schedd."""

    pid: int
    job: str
    orphan: bool


@dataclass(frozen=True, slots=True)
class StoppedJob:
    """A job in the queue that goes on only if somebody does something; `node` as people name it (`below/fit`)."""

    node: str
    job: str
    reason: str

    def __str__(self) -> str:
        return f"{self.node} (job {self.job}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run at one moment; the defaults are those of a run that was never submitted."""

    now: int
    """seconds since the epoch"""
    queue: tuple[QueuedJob, ...] | None = ()
    """the DAGMan jobs; None: the schedd does not answer"""
    silence: str = ""
    """what it is that does not answer"""
    submitted: str | None = None
    """the DAGMan job that the schedd wrote of last in X.dag.dagman.log"""
    elsewhere: str = ""
    """the host whose schedd it was submitted to, if that is another one than the one asked"""
    left: bool = False
    """whether that has left the queue, as it says there"""
    processes: tuple[Process, ...] = ()
    lock: Lock = Lock.NONE
    halt_files: tuple[str, ...] = ()
    recovering: bool = False
    ended: int | None = None
    """the exit code of the last DAGMan, if it wrote one that is an end"""
    ending: Ending | None = None
    refusal: str = ""
    """why the last DAGMan refused its DAG, in its own words"""
    failures: tuple[str, ...] = ()
    """the first of the nodes that failed, and why"""
    rescue: str | None = None
    again: int = 0
    """nodes that ran, and that a rescue DAG which `bridle rescue` made since has the next run run again"""
    jobs: tuple[str, ...] = ()
    """where no DAGMan is in the queue: jobs that one of this run has submitted, the monitor apart"""
    monitor: Monitor = Monitor.GONE
    """where it is seen; whether it should be there, is for `monitor_of`"""
    monitor_job: str = ""
    has_monitor: bool = False
    """whether the DAG was rewritten to have one"""
    unread: int = 0
    """bytes of the log that are not in the database"""
    goes_on: bool = False
    """whether the run has not ended as the database has it"""
    started: int = 0
    """when HTCondor started the DAGMan in the queue, in seconds since the epoch"""
    has_run: bool = False
    """whether a DAGMan ever wrote its log here"""
    unreadable: str = ""
    """why what the nodes did cannot be known, and what would help"""
    held: tuple[StoppedJob, ...] = ()
    """jobs of the run on hold, also of its sub-workflows"""
    for_ever: tuple[StoppedJob, ...] = ()
    """its DAGMans (an empty name: its own) that ABORT-DAG-ON ends again and again"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong beside the run's own condition."""

    trouble: Trouble
    what: str
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of a run: what it is, why that is so, what a person can do, and what `--fix` would do."""

    condition: Condition
    what: str
    advice: str = ""
    remedy: Remedy | None = None
    job: str | None = None
    findings: tuple[Finding, ...] = ()
    held: tuple[StoppedJob, ...] = ()
    monitor: Monitor | None = None
    """where it is; None: it has none, or needs none"""

    def of_run(self, run: Path, places: DagmanPlaces = USUAL) -> Diagnosis:
        """The same, with the commands in its words to be typed as they stand."""
        findings = tuple(replace(each, what=to_type(each.what, run, places)) for each in self.findings)
        return replace(self, advice=to_type(self.advice, run, places), findings=findings)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """All that is to be done, in the order in which it is to be done."""
        wanted = {finding.remedy for finding in self.findings} | {self.remedy}
        return tuple(remedy for remedy in _ORDER if remedy in wanted)

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "condition": self.condition.value,
            "what": self.what,
            "advice": self.advice,
            "job": self.job,
            "needs_attention": self.needs_attention,
            "held": [{"node": one.node, "job": one.job, "reason": one.reason} for one in self.held],
            "remedies": [remedy.value for remedy in self.remedies],
            "findings": [
                {"trouble": finding.trouble.value, "what": finding.what} for finding in self.findings
            ],
        }

    @property
    def needs_attention(self) -> bool:
        """Whether it will not come to a good end by itself."""
        wrong = any(finding.trouble is not Trouble.UNREADABLE for finding in self.findings)
        return bool(self.remedies) or self.condition in _BAD or wrong

    @property
    def unreadable(self) -> str:
        """Why what the nodes did cannot be known; empty if it can."""
        return next((each.what for each in self.findings if each.trouble is Trouble.UNREADABLE), "")


_ORDER = (
    Remedy.END_ORPHANS,
    Remedy.REMOVE_LEFT_BEHIND,
    Remedy.SET_LOCK_ASIDE,
    Remedy.CATCH_UP,
    Remedy.RELEASE_MONITOR,
    Remedy.RESUBMIT,
    Remedy.RUN_AGAIN,
    Remedy.RESUME,
    Remedy.RELEASE,
    Remedy.END_COOL_DOWN,
    Remedy.START_MONITOR,
)
_BAD = (Condition.TWO_DAGMANS, Condition.ORPHAN, Condition.LOST, Condition.UNKNOWN)
OVER = frozenset(
    {
        Condition.SUCCEEDED,
        Condition.FAILED,
        Condition.REMOVED,
        Condition.ABORTED,
        Condition.ENDED_HALTED,
    }
)
"""The conditions of a run that has ended."""
