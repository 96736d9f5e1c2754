"""Follows what a running job writes, to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dag_rewriter.files import stream_of
from monitord_job.waiting import Wait

_PAUSE = 1.0
_LOOK = 5
"""Pauses between two looks at whether it runs still: the database is asked then."""
_MOST = 1 << 20
"""Bytes of a file that are read at once."""


def follow(paths: Mapping[str, Path], runs: Callable[[], bool]) -> Iterator[tuple[str, bytes]]:
    """What comes to be in files, with the name of each; from the beginning, until the job `runs` no more.

    The last of it is read after that. A file that is not there yet is waited for.
    """
    read = dict.fromkeys(paths, 0)
    wait = Wait(float("inf"), _PAUSE)
    at_work, turns = True, 0
    while True:
        for name, path in paths.items():
            while data := _after(path, read[name]):
                read[name] += len(data)
                yield name, data
        if not at_work:
            return
        wait.go_on()
        turns += 1
        at_work = turns % _LOOK != 0 or runs()


def _after(path: Path, offset: int) -> bytes:
    try:
        with stream_of(path) as stream:
            if os.fstat(stream.fileno()).st_size < offset:
                return b""
            stream.seek(offset)
            return stream.read(_MOST)
    except FileNotFoundError:
        return b""
