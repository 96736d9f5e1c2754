"""Learns how a site has times written (DEBUG_TIME_FORMAT), from one time that is known. Pure.

DAGMan begins its log before it has read its configuration: the head has HTCondor's own format, and the site's begins
at the first word of DAGMan's command line, a moment later (25.14: seen).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

MARK = b'argv[0] == "'
"""What DAGMan writes first in the site's format."""
FLAGS = r"(?:\((?:D_\w+(?::\d+)?(?:\|D_\w+)*|\w+:[\w:]+)\) )*"
"""What DAGMAN_DEBUG's header flags put after the time: (fd:7) (pid:9) (cid:3) (D_ALWAYS:2|D_FAILURE)."""
_LATE = 120
"""Seconds between the last time in HTCondor's format and the first one in the site's, at most."""
_LONGEST, _MOST_WAYS = 80, 500
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT = tuple(month[:3] for month in _MONTHS)
_FLAGS_AT_END = re.compile(FLAGS + r"\Z")
_FRACTION = re.compile(r"\.\d{3}(?!\d)")
_ZONE = re.compile(r"[+-]\d{4}(?!\d)|(?!(?:AM|PM)\b)[A-Z]{2,5}(?![A-Za-z])")
_AFTER_SECONDS = {"f": _FRACTION, "z": _ZONE}
_PIECE = re.compile(r"%.|[^%]", re.DOTALL)

# A directive of strftime, what it is of, and what it matches. DAGMan writes English, whatever the locale.
_KIND = {
    **dict.fromkeys("Yy", "year"),
    **dict.fromkeys("mbB", "month"),
    **dict.fromkeys("aA", "weekday"),
    **dict.fromkeys("HI", "hour"),
    "d": "day",
    "j": "yday",
    "M": "minute",
    "S": "second",
    "p": "half",
    "f": "fraction",
    "z": "zone",
    "s": "epoch",
}
_PATTERNS = {
    "Y": r"\d{4}",
    "j": r"\d{3}",
    "s": r"\d{9,10}",
    "f": r"\.\d{3}",
    "z": r"(?:[+-]\d{4}|[A-Z]{2,5})",
    "p": "(?:AM|PM)",
    "B": f"(?:{'|'.join(_MONTHS)})",
    "b": f"(?:{'|'.join(_SHORT)})",
    "A": f"(?:{'|'.join(_DAYS)})",
    "a": f"(?:{'|'.join(day[:3] for day in _DAYS)})",
}
_TWO_DIGITS, _ONE_OR_TWO = r"\d\d", r"[ \d]?\d"


def learn(prefix: bytes, near: int, zone: tzinfo | None) -> str | None:
    """The format (of strftime, %f a fraction) of what stands before a message that was written at `near` or soon after.

    None if it is in no format that can be told. Of day and month, where both could be either, the usual order is taken.

    >>> from datetime import timezone
    >>> learn(b"30.11.2026 03:42:10 (pid:7) ", 1796010129, timezone.utc)
    '%d.%m.%Y %H:%M:%S '
    """
    text = _FLAGS_AT_END.sub("", prefix.decode("ascii", "replace"))
    if not near or not text or len(text) > _LONGEST:
        return None
    for later in range(_LATE):
        when = datetime.fromtimestamp(near, zone) + timedelta(seconds=later)
        ways = [way for way, _ in zip(_formats(text, _samples(when), ()), range(_MOST_WAYS), strict=False)]
        whole = [way for way in ways if _is_whole(way)]
        if whole:
            best: Way = min(whole, key=_oddness)
            return "".join(best)
    return None


Way = tuple[str, ...]
"""A format in pieces: directives and single characters."""


def _samples(when: datetime) -> list[tuple[str, str]]:
    """How a time may be written, piece by piece: the longer ones first."""
    twelve = (when.hour - 1) % 12 + 1
    samples = [
        ("s", str(int(when.timestamp()))),
        ("B", _MONTHS[when.month - 1]),
        ("A", _DAYS[when.weekday()]),
        ("b", _SHORT[when.month - 1]),
        ("a", _DAYS[when.weekday()][:3]),
        ("Y", f"{when.year:04d}"),
        ("j", f"{when.timetuple().tm_yday:03d}"),
        ("y", f"{when.year % 100:02d}"),
        ("M", f"{when.minute:02d}"),
        ("S", f"{when.second:02d}"),
        ("p", "PM" if when.hour >= 12 else "AM"),
    ]
    for key, number in (("d", when.day), ("m", when.month), ("H", when.hour), ("I", twelve)):
        samples += [(key, sample) for sample in dict.fromkeys((f"{number:02d}", f"{number:2d}", str(number)))]
    return samples


def _formats(text: str, samples: list[tuple[str, str]], before: Way) -> Iterator[Way]:
    """All ways to read a text as pieces of a time and what stands between them; no digit stands for itself."""
    if not text:
        yield before
        return
    used = {_KIND[piece[1]] for piece in before if len(piece) > 1}
    for key, sample in samples:
        if text.startswith(sample) and _KIND[key] not in used:
            yield from _formats(text[len(sample) :], samples, (*before, f"%{key}"))
    for key, pattern in _AFTER_SECONDS.items() if "second" in used else ():
        match = pattern.match(text)
        if match and _KIND[key] not in used:
            yield from _formats(text[match.end() :], samples, (*before, f"%{key}"))
    if not text[0].isdigit() and text[0] != "%":
        yield from _formats(text[1:], samples, (*before, text[0]))


def _kinds(way: Way) -> list[str]:
    return [_KIND[piece[1]] for piece in way if len(piece) > 1]


def _is_whole(way: Way) -> bool:
    """Whether it says when, but perhaps for the day or the year."""
    kinds = _kinds(way)
    if "epoch" in kinds:
        return True
    clock = [kind for kind in kinds if kind in ("hour", "minute", "second")]
    if clock != ["hour", "minute", "second"] or ("%I" in way) != ("half" in kinds):
        return False
    return ("month" in kinds) == ("day" in kinds) and not (
        "year" in kinds and not {"day", "yday"} & set(kinds)
    )


def _oddness(way: Way) -> tuple[int, int]:
    """Less for the usual order of day, month and year; then for more pieces that are read."""
    date = [kind[0] for kind in _kinds(way) if kind in ("year", "month", "day")]
    usual = ("ymd", "mdy") if "/" in way else ("ymd", "dmy")
    named = "%b" in way or "%B" in way
    return int("".join(date) not in usual and not named), -len(_kinds(way))


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A format that was learned, ready to read lines with."""

    pattern: re.Pattern[bytes]

    def prefix_length(self, line: bytes) -> int:
        """Bytes before the message of a line; 0 if it does not begin with such a time."""
        match = self.pattern.match(line)
        return match.end() if match else 0

    def naive_or_epoch(self, text: bytes, floor: datetime) -> datetime | int | None:
        """The time that a text begins with; what the format leaves out is that of `floor`, or the next such one."""
        match = self.pattern.match(text)
        if match is None:
            return None
        said = {key: value.decode("ascii") for key, value in match.groupdict().items() if value is not None}
        if "s" in said:
            return int(said["s"])
        when = _date(said, floor).replace(
            hour=_hour(said), minute=int(said["M"]), second=int(said["S"]), microsecond=0
        )
        offset = said.get("z", "")
        if offset[:1] in ("+", "-"):
            when = datetime.strptime(f"{when:%Y%m%d%H%M%S}{offset}", "%Y%m%d%H%M%S%z")
        return when


def _hour(said: dict[str, str]) -> int:
    return int(said["H"]) if "H" in said else int(said["I"]) % 12 + (12 if said.get("p") == "PM" else 0)


def _date(said: dict[str, str], floor: datetime) -> datetime:
    """Midnight of the day; ValueError if there is no such one."""
    year = int(said["Y"]) if "Y" in said else 2000 + int(said["y"]) if "y" in said else floor.year
    if "j" in said:
        return datetime(year, 1, 1) + timedelta(days=int(said["j"]) - 1)  # noqa: DTZ001 - local, as the log is
    month = _month(said)
    if month is None:
        day = datetime(floor.year, floor.month, floor.day)  # noqa: DTZ001
        passed = _hour(said) * 60 + int(said["M"]) < floor.hour * 60 + floor.minute - 12 * 60
        return day + timedelta(days=passed)
    if not {"Y", "y"} & set(said) and month < floor.month - 6:
        year += 1
    return datetime(year, month, int(said["d"]))  # noqa: DTZ001


def _month(said: dict[str, str]) -> int | None:
    if "m" in said:
        return int(said["m"])
    for key, names in (("B", _MONTHS), ("b", _SHORT)):
        if key in said:
            return names.index(said[key]) + 1
    return None


@lru_cache(maxsize=16)
def compiled(text: str) -> TimeFormat:
    """A format as `learn` gives it."""
    pieces = _PIECE.findall(text)
    pattern = ""
    for at, piece in enumerate(pieces):
        if len(piece) == 1:
            pattern += re.escape(piece)
            continue
        glued = any(len(other) > 1 for other in (*pieces[max(0, at - 1) : at], *pieces[at + 1 : at + 2]))
        free = piece[1] in "dmHI" and not glued
        digits = _ONE_OR_TWO if free else _TWO_DIGITS
        pattern += f"(?P<{piece[1]}>{_PATTERNS.get(piece[1], digits)})"
    return TimeFormat(re.compile((pattern + FLAGS).encode("ascii")))
