"""Small pieces of text as pegasus-kickstart prints them: times, quoted words, literal blocks (utils.c)."""

from __future__ import annotations

import re
import time

DATA_SECTION_CHARACTERS = 262144  # kickstart keeps the last 256 Ki characters of an output (statinfo.c)

_BREAKS = "\n\r\x85\u2028\u2029"
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ANY_BREAK = re.compile(f"[{_BREAKS}]")
_LEADING = re.compile(f"^[{_BREAKS} \t]+")
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def iso_time(seconds: float, millis: bool = False) -> str:
    """Seconds since the epoch as local time with its offset.

    >>> iso_time(0)[10], iso_time(1.25, millis=True)[19:23]
    ('T', '.250')
    """
    whole = int(seconds // 1)
    local = time.localtime(whole)
    offset = local.tm_gmtoff
    sign, offset = ("-", -offset) if offset < 0 else ("+", offset)
    zone = f"{sign}{offset // 3600:02d}:{offset % 3600 // 60:02d}"
    fraction = f".{int((seconds - whole) * 1000):03d}" if millis else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + fraction + zone


def quoted(word: str) -> str:
    """A double-quoted YAML word: control characters are left out, as kickstart's yamlquote does.

    >>> quoted('a "b"' + chr(9) + chr(7))
    '"a \\\\"b\\\\"\\\\t"'
    """
    kept = (_ESCAPES.get(c, c) for c in word if c in _ESCAPES or not (ord(c) < 32 or ord(c) == 127))
    return '"' + "".join(kept) + '"'


def literal_block(data: bytes, indent: int) -> tuple[bool, str]:
    """(truncated, the lines below `data: |`), without leading blanks and what cannot be decoded or printed.

    >>> literal_block(b"  a" + bytes([10, 255]) + b"b", 2)
    (False, '  a\\n  b\\n')
    """
    text = data.decode("utf-8", "ignore")
    truncated = len(data) > DATA_SECTION_CHARACTERS
    text = _UNPRINTABLE.sub("", text[-DATA_SECTION_CHARACTERS:])
    leading = _LEADING.match(text)
    if leading:
        text = re.sub("[ \t]", "", leading.group()) + text[leading.end() :]
    pad = " " * indent
    return truncated, pad + _ANY_BREAK.sub("\n" + pad, text) + "\n"
