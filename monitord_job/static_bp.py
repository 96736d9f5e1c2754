"""Reads the planner's static.bp: NetLogger lines, `key=value` or `key="quoted value"`, one event a line."""

from __future__ import annotations

import re
from typing import NamedTuple

from monitord_job.events import Malformed

_FIELD = re.compile(r'\s*([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)')
_ESCAPED = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "r": "\r"}


class StaticEvent(NamedTuple):
    """`name` is the event's word (`task.info`), `fields` the rest, without `ts` and `event`."""

    name: str
    fields: dict[str, str]


def parse(line: bytes) -> StaticEvent | Malformed | None:
    """One line of a static.bp; None for an empty line.

    >>> parse(b'ts=1970-01-01T00:00:00Z event=xwf.meta xwf.id=u key="a b" value="1" ')
    StaticEvent(name='xwf.meta', fields={'xwf.id': 'u', 'key': 'a b', 'value': '1'})
    """
    text = line.decode("utf-8", "backslashreplace")
    fields: dict[str, str] = {}
    end = 0
    for found in _FIELD.finditer(text):
        if found.start() != end:
            break
        end = found.end()
        quoted = found[2]
        if quoted is None:
            fields[found[1]] = found[3]
        else:
            fields[found[1]] = _ESCAPED.sub(_shown, quoted) if "\\" in quoted else quoted
    if text[end:].strip():
        return Malformed(text, f"no field of a static.bp at character {end + 1}")
    if not fields:
        return None
    name = fields.pop("event", None)
    fields.pop("ts", None)
    return StaticEvent(name, fields) if name else Malformed(text, "no field 'event'")


def _shown(escaped: re.Match[str]) -> str:
    return _MEANING.get(escaped[1], escaped[1])
