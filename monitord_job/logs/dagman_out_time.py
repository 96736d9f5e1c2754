"""The times in a DAGMan's debug log: local without a zone, unless HTCondor was configured otherwise (dprintf.cpp)."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from monitord_job.logs.dagman_out_format import FLAGS, TimeFormat

USUAL = 18
"""Bytes before the message in HTCondor's own format, `11/23/26 05:27:37 `."""

_CLOCK = rb"(\d\d):(\d\d):(\d\d)(?:\.\d+)?"
# DEBUG_TIME_FORMAT as it is by default and as ISO 8601; D_TIMESTAMP gives seconds since the epoch.
_STAMP = re.compile(
    rb"(?:(?P<american>(\d\d)/(\d\d)/(\d\d) " + _CLOCK + rb")"
    rb"|(?P<iso>\d{4}-\d\d-\d\d[T ]" + _CLOCK + rb"(?:Z|[+-]\d\d:?\d\d)?)"
    rb"|(?P<epoch>\d{9,10})(?:\.\d+)?)"
)
_PREFIX = re.compile(_STAMP.pattern + b" " + FLAGS.encode("ascii"))
_LATE = 90
"""Seconds by which a time may fall behind an earlier one without a change of the clock."""


def prefix_length(line: bytes) -> int:
    """Bytes before the message of a line; 0 if it does not begin with a time, so that it goes on from another line.

    >>> prefix_length(b"11/23/26 05:27:37 (D_ALWAYS) (pid:7) Bootstrapping...")
    37
    """
    match = _PREFIX.match(line)
    return match.end() if match else 0


def epoch_of(text: bytes, zone: tzinfo | None, floor: int) -> int | None:
    """Seconds since the epoch of the time that a text begins with; None if it does not. `zone` None: this machine's.

    In the hour that comes twice a year the later one is taken where the earlier one lies before `floor`.

    >>> from datetime import timezone
    >>> epoch_of(b"11/23/26 05:27:37 Bootstrapping...", timezone.utc, 0)
    1795411657
    """
    match = _STAMP.match(text)
    if match is None:
        return None
    if match["epoch"]:
        return int(match["epoch"])
    try:
        when = _american(match) if match["american"] else _iso(match["iso"])
        return _seconds(when, zone, floor)
    except (ValueError, OverflowError, OSError):
        return None


def epoch_of_learned(learned: TimeFormat, text: bytes, zone: tzinfo | None, floor: int) -> int | None:
    """The same in a format that was learned."""
    try:
        when = learned.naive_or_epoch(text, datetime.fromtimestamp(floor, zone))
        return when if when is None or isinstance(when, int) else _seconds(when, zone, floor)
    except (ValueError, OverflowError, OSError):
        return None


def _american(match: re.Match[bytes]) -> datetime:
    month, day, year, hour, minute, second = (int(match[group]) for group in range(2, 8))
    return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001


def _iso(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode("ascii"))


def _seconds(when: datetime, zone: tzinfo | None, floor: int) -> int:
    if when.tzinfo is None and zone is not None:
        when = when.replace(tzinfo=zone)
    first = int(when.timestamp())
    return first if first + _LATE >= floor else max(first, int(when.replace(fold=1).timestamp()))
