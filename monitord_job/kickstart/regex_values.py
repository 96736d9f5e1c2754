"""The values that kickstart and its companions write into YAML, as regular expressions, and the lines they stand in.

Each matches only what a YAML library reads as that same text: no escape is undone here, no line is folded. Of what is
not ASCII they match anything; `says_otherwise` tells what of it YAML forbids, or `text.unprintable` disguises. To have
those characters in every class takes half a second to compile. Repetitions are possessive (`*+`): what follows a value
can never be a part of it, and never to give back a character saves a fifth of the time. Those of groups are atomic
instead (`(?>(...)*)`): Python 3.11.2 matches `(...)*+` wrongly.
"""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(r"[\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff\U0010f000-\U0010ffff]")
_NO_QUOTE = r'[^\x00-\x1f"\\\x7f-\x9f]'
_FIRST = r"-?+[^\x00-'\x29-\x2d:;=-@\[-\^`{-\x9f]"
_COMMON = r"[^\x00-\x1f#:\x7f-\x9f]*+"
"""In a plain scalar a "#" after a blank begins a comment, and a ":" before a blank or a line's end ends a key."""

TIME = r"[0-9]{4}-[0-9T:.+Z-]*+(?<=[0-9Z])"
INT = r"[0-9]{1,18}+"
LONG = r"[0-9]{1,20}+"
"""Whatever 64 bits can say; more than a database can hold."""
ID = r"-?+[0-9]{1,20}+"
DECIMAL = r"-?+[0-9]{1,18}+(?:\.[0-9]++|)"
WORD = _FIRST + r"[^\x00-\x20#:\x7f-\x9f]*+"
PHRASE = _FIRST + _COMMON + "(?<! )"
PATH = _FIRST + _COMMON + rf"(?>(?:(?:(?<! )#|:(?![ \n])){_COMMON})*)(?<! )"
"""Plain scalars of one line: without blanks, with them, and with "#" and ":" too, which takes a third longer."""
QUOTED = f'"{_NO_QUOTE}*+"'
LONGEST_KEY = 300
"""YAML's own limit is 1024 characters."""
QUOTED_KEY = f'"{_NO_QUOTE}{{1,{LONGEST_KEY}}}"'
ESCAPED = rf'"{_NO_QUOTE}*+(?>(?:\\["\\nrt]{_NO_QUOTE}*+)*)"'


def says_otherwise(text: str, start: int, end: int) -> bool:
    """Whether a part of a text that is not ASCII has characters for which YAML does not say what stands there."""
    return _FORBIDDEN.search(text, start, end) is not None


def lines(indent: int, *keys_and_values: str) -> str:
    """Lines one after the other."""
    return "".join(" " * indent + line + r"\n" for line in keys_and_values)


def either(*patterns: str) -> str:
    """The first of the patterns that matches."""
    return f"(?:{'|'.join(patterns)})"


def maybe(pattern: str) -> str:
    """The pattern or nothing: `(...)?`, which re takes for a repetition, costs a tenth more."""
    return either(pattern, "")
