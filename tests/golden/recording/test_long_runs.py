"""A monitor that follows a run for weeks: its loop may turn as often as it likes."""

import sys
from pathlib import Path

from monitord_job.database.url import database_of
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store
from tests.support.recorded import prepare

TURNS = 10_000
FIRST_TURNS = 1_000
"""In which caches fill."""


def handles() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_ten_thousand_turns_grow_neither_memory_nor_handles(fresh_corpus):
    run = prepare(fresh_corpus("recorded/failing-condorio")).submit_dir
    lines = run.jobstate_log.read_bytes().splitlines(keepends=True)
    coming = b"".join(lines[len(lines) // 2 : -1])
    run.jobstate_log.write_bytes(b"".join(lines[: len(lines) // 2]))
    store = Store(database_of(run, None).url)
    hierarchy = Hierarchy(run, store)
    hierarchy.open()
    seen = []
    with run.jobstate_log.open("ab", buffering=0) as log:
        for turn in range(TURNS):
            if turn % 10 == 0:  # DAGMan's next line comes byte by byte
                log.write(coming[turn // 10 : turn // 10 + 1])
            hierarchy.step()
            if turn in (FIRST_TURNS, TURNS - 1):
                seen.append((handles(), sys.getallocatedblocks()))
    assert hierarchy.workflow.running
    store.close()
    (handles_before, blocks_before), (handles_after, blocks_after) = seen
    assert handles_after == handles_before
    assert blocks_after - blocks_before < TURNS // 10, "a block for each turn would be nine times as many"
