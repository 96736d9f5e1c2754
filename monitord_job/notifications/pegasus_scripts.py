"""What a line for Pegasus's own e-mail script says, in our words.

PEGASUS_HOME/share/pegasus/notification/email (in older releases libexec/notification/email) takes -t ADDRESS (more
than once, or with commas; else it writes to the user), -f ADDRESS and -r REPORT. Its sibling jabber is not understood
here: its password is on the command line, and stays there.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import NoReturn

_SCRIPT = re.compile(r"(?:.*/)?notification/email")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _parser() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument("-t", "--to", action="append", default=[])
    parser.add_argument("-f", "--from", dest="sender")
    parser.add_argument("-r", "--report", default="pegasus-status")
    return parser


def our_arguments(argv: Sequence[str], user: str) -> tuple[str, ...] | None:
    """Arguments of bridle-notify that do what a command line does; None if it is another one, or not understood.

    >>> our_arguments(["/opt/pegasus/share/pegasus/notification/email", "-t", "me@example.org", "--report=none"], "me")
    ('--to', 'mailto:me@example.org', '--brief')
    >>> our_arguments(["/bin/echo", "-t", "me@example.org"], "me") is None
    True
    """
    if not argv or not _SCRIPT.fullmatch(argv[0]):
        return None
    try:
        found = _parser().parse_args(list(argv[1:]))
    except ValueError:
        return None
    return tuple(_words(found, user))


def _words(found: argparse.Namespace, user: str) -> Iterator[str]:
    people = [one.strip() for text in found.to for one in text.split(",") if one.strip()]
    for one in people or [user]:
        yield from ("--to", f"mailto:{one}" if "@" in one else f"sendmail:{one}")
    if found.sender:
        yield from ("--from", found.sender)
    if found.report.lower() == "none":
        yield "--brief"
