"""Reads the planner's static.bp: NetLogger lines, `key=value` or `key="quoted value"`, one event a line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from dag_rewriter.logs.events import Malformed, new

_FIELD = re.compile(r'\s*([^\s=]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"]*))(?=\s|$)')
_KEY = re.compile(r" ([^\s=]+)=")
_ESCAPED = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "r": "\r"}


class StaticEvent(NamedTuple):
    """`name` is the event's word (`task.info`); `keys` and `values` the rest of it, without `ts` and `event`.

    Lines of one form have equal keys: who reads many of them need not look for each.
    """

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def fields(self) -> dict[str, str]:
        """The values by their keys."""
        return dict(zip(self.keys, self.values, strict=True))


class Form(NamedTuple):
    """What many lines have in common: the event, the keys of the values in quotes, and what finds all such lines."""

    name: str
    keys: tuple[str, ...]
    pattern: re.Pattern[str]


def form_of(line: bytes) -> Form | None:
    """The form of a line, None if it is not one that the planner writes over and over."""
    head, *rest = line.decode("utf-8", "backslashreplace").split('"')
    _, _, begin = head.partition(" ")
    shape = _shape(begin, *rest[1::2])
    if shape is None or len(rest) < 4:
        return None
    name, keys, first = shape
    if keys[: len(first)] not in (
        (),
        ("xwf.id",),
    ):  # others, which a row may want, stand there without quotes
        return None
    value = r'"([^"\\\n]*)"'
    between = value.join(map(re.escape, rest[1::2]))
    pattern = re.compile(rf"\nts=[!#-\[\]-~]* {re.escape(begin)}{value}{between}(?=\n)")
    return Form(name, keys[len(first) :], pattern)


def values_of(lines: list[bytes], form: Form) -> list[tuple[str, ...]] | None:
    """The values in quotes of each line; None unless all lines are of this form.

    >>> first, second = b'ts=1 event=x a="1" b="2" ', b'ts=2 event=x a="" b="3" '
    >>> values_of([first, second], form_of(first))
    [('1', '2'), ('', '3')]
    """
    text = b"\n%b\n" % b"\n".join(lines)
    values: list[tuple[str, ...]] = form.pattern.findall(text.decode("utf-8", "backslashreplace"))
    return values if len(values) == len(lines) else None


def parse(line: bytes) -> StaticEvent | Malformed | None:
    """One line of a static.bp; None for an empty line.

    >>> parse(b'ts=1970-01-01T00:00:00Z event=xwf.meta xwf.id=u key="a b" value="1" ').fields
    {'xwf.id': 'u', 'key': 'a b', 'value': '1'}
    """
    text = line.decode("utf-8", "backslashreplace")
    event = _plainly(text)
    if event is not None:
        return event
    fields, end = _exactly(text)
    if text[end:].strip():
        return Malformed(text, f"no field of a static.bp at character {end + 1}")
    if not fields:
        return None
    name = fields.pop("event", None)
    fields.pop("ts", None)
    return StaticEvent(name, (*fields,), (*fields.values(),)) if name else Malformed(text, "no field 'event'")


def _plainly(text: str) -> StaticEvent | None:
    """A line as the planner writes nearly all, `ts=t k=v ... k="v" k="v" `, much faster than exactly."""
    head, *rest = text.split('"')
    ts, _, begin = head.partition(" ")
    shape = _shape(begin, *rest[1::2])
    is_plain = ts.startswith("ts=") and ts.isascii() and ts.isprintable() and "\\" not in text
    if shape is None or not is_plain or len(rest) % 2:
        return None
    name, keys, first = shape
    return new(StaticEvent, (name, keys, (*first, *rest[::2])))


@lru_cache(maxsize=256)
def _shape(begin: str, *between: str) -> tuple[str, tuple[str, ...], list[str]] | None:
    """What all lines of a kind have in common: the event, the keys, and the first values, which are not in quotes."""
    words = [word.partition("=") for word in begin.split(" ")]
    fields = {key: value for key, _, value in words[:-1]}
    name = fields.pop("event", None)
    keys = (*fields, words[-1][0], *map(_key, between[:-1]))
    is_whole = all(keys) and len({*keys}) == len(keys) and all(key and equals for key, equals, _ in words)
    # Other white space than blanks separates fields too, and is left to the exact way.
    is_plain = begin.isascii() and begin.isprintable() and between and between[-1] in ("", " ")
    if not (name and is_whole and is_plain) or words[-1][2] or not {"ts", "event"}.isdisjoint(keys):
        return None
    return name, keys, list(fields.values())


def _key(part: str) -> str:
    """The key in ` key=`; empty if it is not that."""
    match = _KEY.fullmatch(part)
    return match[1] if match else ""


def _exactly(text: str) -> tuple[dict[str, str], int]:
    """The fields, and where they end."""
    fields: dict[str, str] = {}
    end = 0
    # A search from what is no field would take the square of the length.
    while match := _FIELD.match(text, end):
        end = match.end()
        quoted = match[2]
        if quoted is None:
            fields[match[1]] = match[3]
        else:
            fields[match[1]] = _ESCAPED.sub(_shown, quoted) if "\\" in quoted else quoted
    return fields, end


def _shown(escaped: re.Match[str]) -> str:
    return _MEANING.get(escaped[1], escaped[1])
