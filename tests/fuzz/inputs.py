"""Inputs for a parser: a real file or a kept one, with some of it torn, repeated, exchanged, or made absurd."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

LONGEST = 1 << 16
NUMBERS = [
    b"0",
    b"-1",
    b"--5",
    b"+1",
    b"00",
    b"1.5",
    b"1e999",
    b"NaN",
    b"-Infinity",
    b"0x7f",
    "\u0663".encode(),
    "\u00b2".encode(),
]
NUMBERS += [b"9" * digits for digits in (5, 10, 11, 19, 20, 400, 5000)]
TIMES = [
    b"17954106151795410616",
    b"13/99/26 25:61:61",
    b"2026-13-99 25:61:61",
    b"0001-01-01 00:00:00",
    b"+9999",
]
BREAKS = [
    b"\0",
    b"\0" * 1000,
    b"\r",
    b"\r\n",
    b"\n",
    b"\n\n",
    b"\v",
    b"\f",
    b"\x1c",
    b"\x85",
    "\u2028".encode(),
    b"\t",
    b"  ",
]
LETTERS = [
    b"\xff",
    b"\xff\xfe",
    b"\xc3",
    "\u202e".encode(),
    b"\x1b[2J",
    "\ufeff".encode(),
    b"\\ud800",
    b"\\u0000",
    b"%00",
    b"%s",
]
NESTED = [one * 1500 for one in (b"[", b"{", b'{"a":', b"{a: ", b"- ", b"a.", b"<a>", b"(", b"\\\n")]
MARKUP = [
    b"<a b='c'>",
    b"&a ",
    b"*a ",
    b"&a;",
    b"<!ENTITY a 'b'>",
    b"<!DOCTYPE a>",
    b"<!--",
    b"<![CDATA[",
    b"!!int ",
    b"? ",
    b"|",
]
SIGNS = [bytes([sign]) for sign in b"'\"`\\#$@=:;,*/-~[]{}()<>"]
WORDS = [
    b"ALL_NODES",
    b"INCLUDE w2.dag\n",
    b"SPLICE S w2.dag\n",
    b"PARENT A CHILD B\n",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"..",
]
ABSURD = [*NUMBERS, *TIMES, *BREAKS, *LETTERS, *NESTED, *MARKUP, *SIGNS, *WORDS]
_NUMBER = re.compile(rb"\d+")
_WORD = re.compile(rb"[\w.+-]+|[^\w\s]")

Change = Callable[[st.DrawFn, bytes, Sequence[bytes]], bytes]


def _slice(draw: st.DrawFn, data: bytes, most: int = 200) -> tuple[int, int]:
    begin = draw(st.integers(0, len(data)))
    return begin, min(len(data), begin + draw(st.integers(0, most)))


def _insert(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.sampled_from(ABSURD)) + data[at:]


def _exchange_word(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = draw(st.integers(0, len(data)))
    word = _WORD.search(data, at)
    return data[: word.start()] + draw(st.sampled_from(ABSURD)) + data[word.end() :] if word else data


def _exchange_number(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = draw(st.integers(0, len(data)))
    number = _NUMBER.search(data, at)
    return data[: number.start()] + draw(st.sampled_from(NUMBERS)) + data[number.end() :] if number else data


def _leave_out(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    begin, end = _slice(draw, data)
    return data[:begin] + data[end:]


def _repeat(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    begin, end = _slice(draw, data, 80)
    times = draw(st.sampled_from([2, 10, 1000, LONGEST]))
    return data[:begin] + data[begin:end] * min(times, LONGEST // max(1, end - begin)) + data[end:]


def _tear(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def _mix(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(seeds))
    begin, end = _slice(draw, other)
    at = draw(st.integers(0, len(data)))
    return data[:at] + other[begin:end] + data[at:]


def _anything(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(max_size=20)) + data[at:]


CHANGES: list[Change] = [
    _exchange_number,
    _insert,
    _exchange_word,
    _leave_out,
    _repeat,
    _tear,
    _mix,
    _anything,
]


@st.composite
def changed(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after some changes, at most LONGEST bytes of it."""
    data = draw(st.sampled_from(seeds))
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=5)):
        data = change(draw, data, seeds)
    return data[:LONGEST]
