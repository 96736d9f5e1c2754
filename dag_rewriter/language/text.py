"""Bytes of a DAG as text and back: UTF-8 where it is UTF-8, no byte lost where it is not."""

from __future__ import annotations

from typing import Any


def text_of(value: bytes) -> str:
    """Bytes as text; `bytes_of` is the way back for any bytes."""
    return value.decode("utf-8", "surrogateescape")


def bytes_of(value: str) -> bytes:
    """The inverse of text_of.

    >>> bytes_of(text_of(b"n\\xe4me"))
    b'n\\xe4me'
    """
    return value.encode("utf-8", "surrogateescape")


def show_bytes(value: str) -> str:
    """The text with its bytes that are no UTF-8 spelt out, for what takes UTF-8 only (JSON, databases, logs).

    >>> show_bytes(text_of(b"n\\xe4me"))
    'n\\\\xe4me'
    """
    return value if value.isascii() else bytes_of(value).decode("utf-8", "backslashreplace")


def texts_of(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """The bytes among the fields of a command as text; numbers and the like stay as they are.

    >>> texts_of((b"a", 3, None, (b"b",)))
    ('a', 3, None, ('b',))
    """
    return tuple(
        text_of(v) if isinstance(v, bytes) else texts_of(v) if isinstance(v, tuple) else v for v in fields
    )
