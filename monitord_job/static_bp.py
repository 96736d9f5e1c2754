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
    """The fields of a line as the planner writes nearly all, `k=v ... k="v" k="v" `, three times as fast as exactly."""
    head, *rest = text.split('"')
    if "\\" in text or len(rest) % 2 or not rest or rest[-1] not in ("", " "):
        return None
    words = [word.partition("=") for word in head.split(" ")]
    keys = [word[0] for word in words]
    keys += [_key(part) for part in rest[1:-1:2]]
    if words[-1][2] or not all(keys) or not all(word[1] for word in words) or not _is_plain(head):
        return None
    values = [word[2] for word in words[:-1]]
    values += rest[::2]
    return dict(zip(keys, values, strict=True))


@lru_cache(maxsize=256)
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
