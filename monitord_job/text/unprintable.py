"""Characters that programs print and YAML and XML forbid: they travel through the parsers in disguise."""

from __future__ import annotations

import re

# YAML and XML forbid most of these in a stream, or take them for line breaks.
_UNSAFE = [
    *range(0x09),
    0x0B,
    0x0C,
    *range(0x0D, 0x20),
    *range(0x7F, 0xA0),
    0x2028,
    0x2029,
    0xFEFF,
    0xFFFE,
    0xFFFF,
]
_BASE = 0x10F000  # private characters, in the last plane
_MASK = {code: _BASE + number for number, code in enumerate(_UNSAFE)}
_UNMASK = {masked: code for code, masked in _MASK.items()}
_ESCAPE = {masked: f"\\x{code:02x}" for code, masked in _MASK.items()}
_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]*(?=@)")
_LONGEST_URL = 500
"""Characters beyond an excerpt that are looked at: a password may stand across its end."""
_IS_UNSAFE = re.compile("[" + "".join(f"\\U{code:08x}" for code in _UNSAFE) + "]")


def text_of(raw: bytes) -> str:
    """Bytes as text; what is no UTF-8 is shown as `\\xNN`.

    >>> text_of(b"caf\\xe9")
    'caf\\\\xe9'
    """
    return raw.decode("utf-8", "backslashreplace")


def mask(text: str) -> str:
    """The text with a private character for each that is unsafe; `unmask` is the inverse."""
    return text.translate(_MASK) if _IS_UNSAFE.search(text) else text


def unmask(text: str) -> str:
    """The text as it was before `mask`."""
    return text if text.isascii() else text.translate(_UNMASK)


def escape(text: str) -> str:
    """Masked characters as `\\xNN`: for names, which a database must be able to hold.

    >>> escape(mask("a\\x00b"))
    'a\\\\x00b'
    """
    return text if text.isascii() else text.translate(_ESCAPE)


def excerpt(text: str, length: int = 200) -> str:
    """How a text begins, fit for a database that others read: without the password of a URL in it.

    >>> excerpt("cannot reach postgresql://me:secret@host/runs\\x00")
    'cannot reach postgresql://me:***@host/runs\\\\x00'
    """
    shown = text[: length + _LONGEST_URL]
    if "://" in shown:
        shown = _PASSWORD.sub(r"\1***", shown)
    return escape(mask(shown[:length]))
