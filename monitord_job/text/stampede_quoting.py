"""The encoding of stdout and stderr texts in the Stampede database (Pegasus.tools.utils.quote)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

# Everything but printable ASCII, and the three characters that would end or forge a quoted text.
_QUOTED = {code: f"%{code:02X}" for code in [*range(0x20), *range(0x7F, 0x100), ord("'"), ord('"'), ord("%")]}

_USUAL = tuple((character, _QUOTED[ord(character)]) for character in "%\n\t'\"")  # the sign of quoting first


def quote(text: str) -> str:
    """The text in printable ASCII; `unquote` is the inverse.

    >>> quote("50 %\\n")
    '50 %25%0A'
    """
    # Nearly every text has nothing else than these; a table costs ten times as much.
    usual = text
    for character, quoted in _USUAL:
        usual = usual.replace(character, quoted)
    if usual.isascii() and usual.isprintable():
        return usual
    return text.encode("utf-8", "backslashreplace").decode("latin-1").translate(_QUOTED)


def unquote(text: str) -> str:
    """The text that `quote` was given."""
    return unquote_to_bytes(text).decode("utf-8", "backslashreplace")
