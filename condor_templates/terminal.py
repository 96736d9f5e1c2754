"""The one way to standard output and error: names and texts of jobs, scripts and files move no cursor there."""

from __future__ import annotations

import logging
import re
import sys
import unicodedata

import click

SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Colours, cursor movements, window titles."""
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what is not seen, or turns what follows around."""


def printable(text: str) -> str:
    r"""The text without escape sequences, control and bidi characters; line breaks and tabs stay.

    >>> printable("a\x1b[31mb\x07\u202ec\n\td\r")
    'abc\n\td'
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = SEQUENCE.sub("", text)
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in _UNSEEN)


def say(text: str, *, newline: bool = True, err: bool = False) -> None:
    """Print text for people.

    Bytes of names that are no UTF-8 go to a file or a pipe as they are, to a terminal as \\xNN.
    """
    stream, shown = sys.stderr if err else sys.stdout, printable(text)
    if err or stream.isatty() or not hasattr(stream, "buffer"):
        click.echo(shown.encode("utf-8", "backslashreplace").decode(), nl=newline, err=err)
    else:
        click.echo(shown.encode("utf-8", "surrogateescape"), nl=newline)


def put_out(content: str | bytes) -> None:
    """Print the content of a file for a file or a pipe: byte for byte there, made printable on a terminal."""
    text = content if isinstance(content, str) else content.decode("utf-8", "surrogateescape")
    if sys.stdout.isatty():
        say(text, newline=False)
    else:
        click.echo(text.encode("utf-8", "surrogateescape"), nl=False)


class PrintableFormatter(logging.Formatter):
    """Log lines without what moves a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
