"""What all parsers of commands need: words, numbers, and the error for a line that DAGMan refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from dag_rewriter.language.lexer import words

Fields: TypeAlias = tuple[Any, ...]
Parser: TypeAlias = Callable[[bytes, "bytes | None"], Fields]

MANY = 1 << 60
_INTEGER = re.compile(rb"[+-]?[0-9]+")


class MalformedError(ValueError):
    """(what is wrong with the line, an example of how it is written)"""

    def __init__(self, what: str, example: str) -> None:
        super().__init__(what, example)
        self.what = what
        self.example = example


def integer(word: bytes, what: str, example: str) -> int:
    """As C's stoi reads it, which DAGMan uses: the digits at the beginning count, what follows does not.

    >>> integer(b"3x", "no number", "")
    3
    """
    digits = _INTEGER.match(word)
    if digits is None or len(digits[0]) > 20 or not -(2**31) <= int(digits[0]) < 2**31:
        raise MalformedError(f"{what} is not a number (of 32 bits): {shown(word)}", example)
    return int(digits[0])


def within(number: int, least: int, most: int, what: str, example: str) -> int:
    """The number, if it is in the range that DAGMan accepts."""
    if least <= number <= most:
        return number
    raise MalformedError(f"{what} is {number}, and must be {least} to {most}", example)


def shown(word: bytes) -> str:
    """A word in an error."""
    return repr(word[:80].decode(errors="replace"))


def cut(text: bytes, least: int, most: int, example: str) -> list[bytes]:
    """All words (the keyword is the first); quotes are kept."""
    kept, _, _, problem = words(text)
    if least <= len(kept) <= most and not problem:
        return kept
    if problem:
        raise MalformedError(problem, example)
    if len(kept) < least:
        raise MalformedError("something is missing at the end of the line", example)
    raise MalformedError(f"unexpected word {shown(kept[most])}", example)
