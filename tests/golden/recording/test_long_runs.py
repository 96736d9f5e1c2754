"""A monitor that follows a run for weeks: its loop may turn as often as it likes."""

import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from monitord_job.database.url import database_of
from monitord_job.errors import TryAgainError
from monitord_job.monitor.daemon import Monitor
from monitord_job.monitor.limits import Limits
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store
from tests.support.recorded import prepare

TURNS = 10_000
FIRST_TURNS = 1_000
"""In which caches fill."""


class Turns(threading.Event):
    """Lets the pauses between two looks take no time, in each tenth of which the next byte comes; stops at the end."""

    def __init__(self, log: Path, coming: bytes) -> None:
        super().__init__()
        self._log = log.open("ab", buffering=0)
        self._coming = coming
        self._turn = 0
        self.seen: list[tuple[int, int]] = []
        """how many files were open, and how many blocks were allocated, after the first turns and after all"""

    def wait(self, _timeout: float | None = None) -> bool:
        """A turn of the loop is over."""
        self._turn += 1
        if self._turn % 10 == 0:
            at = self._turn // 10
            self._log.write(self._coming[at - 1 : at])
        if self._turn in (FIRST_TURNS, TURNS):
            self.seen.append((handles(), sys.getallocatedblocks()))
        return self._turn == TURNS

    def close(self) -> None:
        """Close the log."""
        self._log.close()


def handles() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_ten_thousand_turns_grow_neither_memory_nor_handles(fresh_corpus):
    run = prepare(fresh_corpus("recorded/failing-condorio")).submit_dir
    lines = run.jobstate_log.read_bytes().splitlines(keepends=True)
    rescued = max(number for number, line in enumerate(lines) if b"DAGMAN_STARTED" in line) + 1
    run.jobstate_log.write_bytes(b"".join(lines[:rescued]))
    schedd = run.dagman_log.read_bytes()
    run.dagman_log.write_bytes(schedd[: schedd.rindex(b"\n005 ") + 1])
    limits = Limits(poll=0.0, drain=0.0)
    with (
        closing(Store(database_of(run, None).url)) as store,
        closing(Turns(run.jobstate_log, b"".join(lines[rescued:-1]))) as turns,
    ):
        hierarchy = Hierarchy(run, store)
        with pytest.raises(TryAgainError, match="told to stop while DAGMan goes on"):
            Monitor(run, hierarchy, limits, turns).follow()
        assert hierarchy.workflow.running
    (handles_before, blocks_before), (handles_after, blocks_after) = turns.seen
    assert handles_after == handles_before
    assert blocks_after - blocks_before < TURNS // 10, "a block for each turn would be nine times as many"
