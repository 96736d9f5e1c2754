"""The one loop that waits for something, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from monitord_job.errors import ScheddError

_T = TypeVar("_T")


def wait_for(look: Callable[[], _T], limit: float, poll: float = 0.2) -> _T:
    """What `look` sees once that is true, or what it sees after `limit` seconds; it looks every `poll` seconds.

    A schedd that is away for a moment is no answer. Raises ScheddError if it is away to the end.

    >>> wait_for(lambda: "there", 5.0), wait_for(list, 0.0)
    ('there', [])
    """
    deadline = time.monotonic() + limit
    while True:
        try:
            seen = look()
            if seen or time.monotonic() > deadline:
                return seen
        except ScheddError:
            if time.monotonic() > deadline:
                raise
        time.sleep(poll)
