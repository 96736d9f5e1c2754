"""Reads the planner's static.bp: NetLogger lines, `key=value` or `key="quoted value"`, one event a line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from monitord_job.events import Malformed

_FIELD = re.compile(r'\s*([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)')
_KEY = re.compile(r" ([^\s=]+)=")
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
    fields = _plainly(text)
    end = len(text) if fields else 0
    if not fields:
        fields, end = _exactly(text)
    if text[end:].strip():
        return Malformed(text, f"no field of a static.bp at character {end + 1}")
    if not fields:
        return None
    name = fields.pop("event", None)
    fields.pop("ts", None)
    return StaticEvent(name, fields) if name else Malformed(text, "no field 'event'")


def _plainly(text: str) -> dict[str, str] | None:
    """The fields of a line as the planner writes nearly all, `ts=t k=v ... k="v" k="v" `, much faster than exactly."""
    head, *rest = text.split('"')
    ts, _, begin = head.partition(" ")
    shape = _shape(begin, *rest[1::2])
    if shape is None or len(rest) % 2 or "\\" in text or not (ts.startswith("ts=") and _is_plain(ts)):
        return None
    fields, keys = shape
    return {"ts": ts[3:], **fields, **dict(zip(keys, rest[::2], strict=True))}


@lru_cache(maxsize=256)
def _shape(begin: str, *between: str) -> tuple[dict[str, str], list[str]] | None:
    """What all lines of a kind have in common: their first fields, and the keys of those in quotes."""
    words = [word.partition("=") for word in begin.split(" ")]
    keys = [words[-1][0], *map(_key, between[:-1])]
    is_whole = all(keys) and all(key and equals for key, equals, _ in words)
    if not is_whole or words[-1][2] or not between or between[-1] not in ("", " ") or not _is_plain(begin):
        return None
    return {key: value for key, _, value in words[:-1]}, keys


def _key(part: str) -> str:
    """The key in ` key=`; empty if it is not that."""
    found = _KEY.fullmatch(part)
    return found[1] if found else ""


def _is_plain(head: str) -> bool:
    # Other white space than blanks separates fields too, and is left to the exact way.
    return head.isascii() and head.isprintable()


def _exactly(text: str) -> tuple[dict[str, str], int]:
    """The fields, and where they end."""
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
    return fields, end


def _shown(escaped: re.Match[str]) -> str:
    return _MEANING.get(escaped[1], escaped[1])
