"""Strips control and bidi characters from text of jobs and logs: nothing in it moves a cursor or hides anything."""

from __future__ import annotations

import re
import unicodedata

from condor_templates.terminal import SEQUENCE

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""Bytes that were no UTF-8, as os.fsdecode has them."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what is not seen, or turns what follows around."""


def one_line(text: str, most: int = 2000) -> str:
    r"""The text on one line: no control characters, no bytes that are no text, at most so many characters.

    >>> one_line("a\r\nBcc: x\x1b[31m\u202eb", 9)
    'a  Bcc: …'
    >>> one_line("abcdef", 4)
    'abc…'
    """
    if not (text.isascii() and text.isprintable()):
        text = SEQUENCE.sub("", text)
        text = "".join(" " if one.isspace() else one for one in text)
        text = _NO_TEXT.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)
        text = "".join(one for one in text if unicodedata.category(one) not in _INVISIBLE)
    return text if len(text) <= most else text[: most - 1] + "…"


def last_lines(text: str, most: int, width: int = 300) -> tuple[str, ...]:
    r"""The last lines that say something; one that only repeats the line before does not.

    >>> last_lines("a\n\n b\x00\n \n", 2)
    ('a', ' b')
    """
    lines = (one_line(line.rstrip().expandtabs(4), width) for line in text.splitlines())
    said = [line for line in lines if line.strip()]
    return tuple(line for line, before in zip(said, ["", *said], strict=False) if line != before)[-most:]
