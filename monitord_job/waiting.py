"""The one loop that waits for something, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from monitord_job.errors import ScheddError

_T = TypeVar("_T")


class Wait:
    """A wait of at most `limit` seconds, from now on: in pauses of `pause` seconds, or longer and longer ones."""

    def __init__(self, limit: float, pause: float, longest: float | None = None) -> None:
        self._began = time.monotonic()
        self._limit = limit
        self._longest = longest
        self.pause = pause
        """seconds of the next pause"""

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached."""
        return self.seconds >= self._limit

    def go_on(self) -> bool:
        """Let a pause go by; False at once if the limit is reached."""
        if self.is_over:
            return False
        time.sleep(self.pause)
        if self._longest is not None:
            self.pause = min(self.pause * 2, self._longest)
        return True


def wait_for(look: Callable[[], _T], limit: float, poll: float = 0.2) -> _T:
    """What `look` sees once that is true, or what it sees after `limit` seconds; it looks every `poll` seconds.

    A schedd that is away for a moment is no answer. Raises ScheddError if it is away to the end.

    >>> wait_for(lambda: "there", 5.0), wait_for(list, 0.0)
    ('there', [])
    """
    wait = Wait(limit, poll)
    while True:
        try:
            seen = look()
            if seen or not wait.go_on():
                return seen
        except ScheddError:
            if not wait.go_on():
                raise
