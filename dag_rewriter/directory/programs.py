"""The files that commands name, pinned: their SHA-256 when the commands were confirmed. A job may bring back others."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from dag_rewriter import files

_MOST = 64 << 20
"""Bytes of a file that is pinned: what is larger is no script."""
_BETWEEN = re.compile(r"[\s;|&()<>`\"'=,\[\]]+")
_SUBMIT_DIR = re.compile(r"\$PEGASUS_SUBMIT_DIR\b|\$\{PEGASUS_SUBMIT_DIR\}")


def place_of(word: str, folder: str | Path) -> str:
    """The file that a word of a command means which runs in that folder: absolute, links in its folder resolved.

    >>> place_of("$PEGASUS_SUBMIT_DIR/./hook.sh", "/nowhere/run")
    '/nowhere/run/hook.sh'
    """
    path = os.path.normpath(os.path.join(folder, _SUBMIT_DIR.sub(lambda _: str(folder), word)))  # noqa: PTH118 - as text
    above, name = os.path.split(path)
    return os.path.join(os.path.realpath(above), name)  # noqa: PTH118


def pins(data: bytes, folder: Path) -> dict[str, str]:
    """SHA-256 by path (`place_of`) of all files there are that any word in a file with rules names."""
    hashes = {}
    for word in _words(data.decode("utf-8", "surrogateescape")):
        with suppress(OSError, ValueError):
            if os.path.isfile(place := place_of(word, folder)):  # noqa: PTH113 - for each word
                hashes[place] = sha256_of(place)
    return {place: said for place, said in hashes.items() if said}


def changed(pinned: Mapping[str, str]) -> list[str]:
    """Those that are there and other files than they were."""
    return [place for place, was in pinned.items() if (now := sha256_of(place)) and now != was]


def sha256_of(place: str) -> str:
    """Of a regular file's content, hexadecimal; "" where there is none, or none that is read."""
    try:
        # By its times also: what sets one of them sets the other.
        status = os.stat(place)  # noqa: PTH116
    except (OSError, ValueError):
        return ""
    return _sha256(place, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=4096)
def _sha256(place: str, _inode: int, size: int, _modified: int, _changed: int) -> str:
    if size > _MOST:
        return ""
    try:
        with files.stream_of(Path(place)) as stream:
            return hashlib.sha256(stream.read(_MOST)).hexdigest()
    except OSError:
        return ""


def _words(text: str) -> Iterable[str]:
    """All that may be a name in it, whatever quotes it: words as a shell has them, and what stands between signs."""
    words: dict[str, None] = {}
    for line in text.splitlines():
        for word in _split(line):
            words[word] = None
            if _BETWEEN.search(word):  # a text for a shell, a string of a policy
                words.update(dict.fromkeys((*_split(word), *_BETWEEN.split(word))))
        words.update(dict.fromkeys(_BETWEEN.split(line)))
    words.pop("", None)
    return words


def _split(text: str) -> Iterator[str]:
    if not ("'" in text or '"' in text or "\\" in text):
        yield from text.split()  # most lines; shlex takes the square of their length
        return
    with suppress(ValueError):
        yield from shlex.split(text)
