"""The values that kickstart and its companions write into YAML, as regular expressions, and the lines they stand in.

Each matches only what a YAML library reads as that same text: no escape is undone here, no line is folded, and no
character is in them that YAML forbids or that `text.unprintable` disguises.
"""

from __future__ import annotations

_WIDE = r"\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010efff"
_NO_QUOTE = rf"[ !#-\[\]-~{_WIDE}]*"
_COMMON = rf'[ -"$-9;-~{_WIDE}]*'
"""In a plain scalar a "#" after a blank begins a comment, and a ":" before a blank or a line's end ends a key."""

TIME = r"[0-9]{4}-[0-9T:.+Z-]*[0-9Z]"
INT = r"[0-9]{1,18}"
LONG = r"[0-9]{1,20}"
"""Whatever 64 bits can say; more than a database can hold."""
ID = r"-?[0-9]{1,20}"
DECIMAL = r"-?[0-9]{1,18}(?:\.[0-9]+)?"
WORD = rf'-?[A-Za-z0-9_/.(<{_WIDE}][!-"$-9;-~{_WIDE}]*'
PHRASE = rf"-?[A-Za-z0-9_/.(<{_WIDE}]{_COMMON}(?<! )"
PATH = rf"-?[A-Za-z0-9_/.(<{_WIDE}]{_COMMON}(?:(?:(?<! )#|:(?![ \n])){_COMMON})*(?<! )"
"""Plain scalars of one line: without blanks, with them, and with "#" and ":" too, which takes a third longer."""
QUOTED = rf'"{_NO_QUOTE}"'
LONGEST_KEY = 300
"""YAML's own limit is 1024 characters."""
QUOTED_KEY = rf'"[ !#-\[\]-~{_WIDE}]{{1,{LONGEST_KEY}}}"'
ESCAPED = rf'"{_NO_QUOTE}(?:\\["\\nrt]{_NO_QUOTE})*"'


def lines(indent: int, *keys_and_values: str) -> str:
    """Lines one after the other."""
    return "".join(" " * indent + line + r"\n" for line in keys_and_values)


def maybe(pattern: str) -> str:
    """The pattern or nothing: `(...)?`, which re takes for a repetition, costs a tenth more."""
    return f"(?:{pattern}|)"
