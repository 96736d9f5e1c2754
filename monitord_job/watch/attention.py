"""What stands still in the queue below a run that somebody watches: told at once, whatever is stored."""

from __future__ import annotations

import time
from contextlib import suppress

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.diagnosis.stopped_jobs import holds_in, stopped_jobs, with_failures
from monitord_job.errors import ScheddError
from monitord_job.outcome.queue_holds import NO_HOLDS
from monitord_job.schedd import dagman_jobs

_LOOK = 0.9
"""Seconds between two looks, or more where the schedd takes long: DAGMan itself reads of a hold some seconds later."""
_SHARE = 10
"""A look costs at most this part of the time."""


class Attention:
    """Hears of what stands still, and says each once."""

    def __init__(self, submit_dir: SubmitDir, url: str | None = None) -> None:
        self._dir, self._url = submit_dir, url
        self._next = 0.0
        self._said: set[str] = set()
        self.held = NO_HOLDS
        """what the queue had on hold at the last look"""

    def news(self) -> list[str]:
        """Lines that were not said before; a schedd may be silent."""
        began = time.monotonic()
        if began < self._next:
            return []
        lines: list[str] = []
        with suppress(ScheddError):
            held, for_ever = stopped_jobs(dagman_jobs(self._dir))
            told = with_failures(held, self._dir, self._url)
            self.held = holds_in(told)
            lines = [f"held: {job}" for job in told]
            lines += [
                f"ABORT-DAG-ON ends {job.node} (job {job.job}) for ever" for job in for_ever if job.node
            ]
            new = [line for line in lines if line not in self._said]
            self._said, lines = set(lines), new
        took = time.monotonic() - began
        self._next = time.monotonic() + max(_LOOK, _SHARE * took)
        return lines
