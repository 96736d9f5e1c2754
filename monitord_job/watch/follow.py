"""A run from now to its end: what is stored, what the queue says, and when there is nothing more to see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from condor_templates.exit_codes import ExitCode
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.diagnosis.run_states import OVER, Condition, Diagnosis, Monitor, Trouble
from monitord_job.errors import MonitorError
from monitord_job.outcome.queue_holds import NO_HOLDS
from monitord_job.readers.run_outcome import EXIT_CODES, RunState, ending, word_for
from monitord_job.readers.status import diagnosis_of
from monitord_job.runs.run_condition import word_of
from monitord_job.runs.run_record import name_of
from monitord_job.watch.attention import Attention
from monitord_job.watch.moment import Moment
from monitord_job.watch.screen import Shown
from monitord_job.watch.watching import TICK, Watcher

_DIAGNOSE = 5.0
"""Seconds between two looks at everything that HTCondor and the files say."""
_ENDING = 1.0
"""The same once its end is stored: its DAGMan is about to leave the queue."""
_LAST = 30.0
"""Seconds for the monitor to store the end of a run that has left the queue."""
_UNSUBMITTED = 10.0
"""Seconds that a run which nobody has submitted is waited for: somebody may be about to."""
_PLAIN = frozenset({Condition.RUNNING, Condition.WAITING, Condition.NEVER_SUBMITTED, *OVER})
_TOLD = frozenset({Trouble.JOBS_HELD, Trouble.STARTS_FOR_EVER})
"""Job by job, in lines of their own."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look; `lines` are what the queue says of jobs that stand still and was not said before."""

    moment: Moment | None
    shown: Shown
    diagnosis: Diagnosis
    lines: tuple[str, ...] = ()
    is_over: bool = False

    @property
    def exit_code(self) -> int:
        """What tells how the run stands."""
        ended = None if self.moment is None else ending(self.moment.run, self.diagnosis)
        return ExitCode.NOT_ENDED if ended is None else EXIT_CODES[ended]

    @property
    def never_began(self) -> bool:
        """Whether nobody has submitted the run."""
        return self.diagnosis.condition is Condition.NEVER_SUBMITTED

    @property
    def last_words(self) -> str:
        """The state, and why it is that."""
        advice = f"; {self.diagnosis.advice}" if self.diagnosis.advice else ""
        return f"{self.shown.word}: {self.diagnosis.what}{advice}"


def follow(submit_dir: SubmitDir, url: str | None = None) -> Iterator[Seen]:
    """Looks until the run is over, stands still for good, or nobody has submitted it.

    Raises MonitorError if it cannot be read at all.
    """
    watcher, attention = Watcher(submit_dir, url), Attention(submit_dir, url)
    watcher.catch_up()
    diagnosis = diagnosis_of(submit_dir, url)
    looked = left = idle = time.monotonic()
    gone = False
    while True:
        now = time.monotonic()
        lines = () if gone else tuple(attention.news())
        moment = watcher.glance(NO_HOLDS if gone else attention.held)
        has_ended = moment is not None and moment.run.ended is not None
        is_due = now - looked > (_ENDING if has_ended else _DIAGNOSE)
        if is_due and diagnosis.condition not in OVER:
            with suppress(MonitorError):
                diagnosis = diagnosis_of(submit_dir, url)
            looked = now
        is_lost = _is_lost(diagnosis)
        gone = diagnosis.condition in OVER or is_lost
        left = left if gone else now
        idle = idle if diagnosis.condition is Condition.NEVER_SUBMITTED else now
        is_over = (gone and (has_ended or is_lost or now - left > _LAST)) or now - idle > _UNSUBMITTED
        shown = _shown(submit_dir, moment, diagnosis, watcher.monitor(diagnosis))
        yield Seen(moment, shown, diagnosis, lines, is_over)
        if is_over:
            return
        time.sleep(TICK)


def _is_lost(diagnosis: Diagnosis) -> bool:
    """Whether the queue says that it is; while nobody can ask it, nobody knows."""
    is_silent = any(each.trouble is Trouble.SCHEDD_SILENT for each in diagnosis.findings)
    return diagnosis.condition is Condition.LOST and not is_silent


class Missed:
    """Where the monitor of a run is that somebody waits for: only where it is not seen at work, HTCondor is asked."""

    def __init__(self, submit_dir: SubmitDir, watcher: Watcher) -> None:
        self._dir, self._watcher = submit_dir, watcher
        self._asked = time.monotonic()
        self._diagnosis: Diagnosis | None = None

    def where(self) -> Monitor | None:
        """What `Diagnosis.monitor` says, some seconds old at most."""
        now = time.monotonic()
        if self._watcher.monitor(None) is None and now - self._asked > _DIAGNOSE:
            with suppress(MonitorError):
                self._diagnosis = diagnosis_of(self._dir)
            self._asked = now
        return self._watcher.monitor(self._diagnosis)


def running(submit_dir: SubmitDir, monitor: Monitor | None) -> Shown:
    """What is said of a run whose DAGMan is in the queue."""
    label = submit_dir.braindump.get("dax_label")
    name = name_of(submit_dir.dag_file, label, is_planned=submit_dir.is_planned)
    return Shown(name, RunState.RUNNING.value, "" if monitor is None else monitor.value)


def _shown(
    submit_dir: SubmitDir, moment: Moment | None, diagnosis: Diagnosis, monitor: Monitor | None
) -> Shown:
    label = submit_dir.braindump.get("dax_label")
    ended = None if moment is None else ending(moment.run, diagnosis)
    if ended is not None and diagnosis.condition in OVER:
        word = ended.value
    elif diagnosis.condition in _PLAIN and moment is not None:
        word = word_for(moment.run, diagnosis)
    else:
        word = word_of(diagnosis.condition)
    notes = [] if diagnosis.condition in _PLAIN else [f"{diagnosis.what}; {diagnosis.advice}".rstrip("; ")]
    notes += [
        f"{each.trouble.value}: {each.what}" for each in diagnosis.findings if each.trouble not in _TOLD
    ]
    name = name_of(submit_dir.dag_file, label, is_planned=submit_dir.is_planned)
    told = "" if monitor is None or diagnosis.condition in OVER else monitor.value
    return Shown(name, word, told, tuple(notes))
