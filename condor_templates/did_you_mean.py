"""What a person meant who mistyped a name. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_MOST = 3
_LOOKED_AT = 20_000
"""Names: more take seconds, and are hardly typed by hand."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The names that are most alike, or one that the word is a part of, as a question; empty if there is none.

    >>> did_you_mean("statsu", ["run", "status", "statistics"])
    'did you mean status?'
    >>> did_you_mean("project", ["stage_in", "mProject_ID0000007"])
    'did you mean mProject_ID0000007?'
    >>> did_you_mean("transfr", ["transfer", "Transfers"]), did_you_mean("x", ["status"])
    ('did you mean transfer or Transfers?', '')
    """
    by_key: dict[str, list[str]] = {}
    for name in islice(known, _LOOKED_AT):
        by_key.setdefault(name.casefold(), []).append(name)
    typed = word.casefold()
    keys = get_close_matches(typed, by_key, n=_MOST, cutoff=0.7)
    keys = keys or [key for key in by_key if typed and typed in key][:1]
    names = [name for key in keys for name in by_key[key]][:_MOST]
    if not names:
        return ""
    return f"did you mean {' or '.join(names)}?"
