"""The last lines of what failed, from the texts of an attempt as Stampede keeps them. Pure."""

from __future__ import annotations

import re

from monitord_job.stampede.output_text import unquote
from monitord_job.text.display import last_lines

MOST_LINES = 4
"""Of what an attempt wrote."""
_SECTION = re.compile(r"^#@ (\d{1,9}) (stdout|stderr)\n", re.MULTILINE)
_DECORATION = re.compile(r"^#{4,}.*$", re.MULTILINE)
"""PegasusLite's headings."""


def last_words(
    task: int | None, stdout_text: str, stderr_text: str, most: int = MOST_LINES
) -> tuple[str, ...]:
    """The last lines of what failed, from the texts of an attempt as Stampede keeps them (or from their ends).

    Of the task that failed, if it is there: what it wrote to stderr, else to stdout; else the job's own stderr, which
    comes before stdout where no PegasusLite writes there, too.

    >>> last_words(1, "#@ 1 stdout%0Aa%0A#@ 1 stderr%0A no flag%0A", "PegasusLite")
    ('no flag',)
    """
    pieces = _SECTION.split(unquote(stdout_text))
    streams = {(int(pieces[at]), pieces[at + 1]): pieces[at + 2] for at in range(1, len(pieces) - 2, 3)}
    numbers = [task] if task is not None and any(task == number for number, _ in streams) else []
    numbers = numbers or sorted({number for number, _ in streams})[-1:]
    texts = [streams.get((number, stream), "") for stream in ("stderr", "stdout") for number in numbers]
    own = _DECORATION.sub("", unquote(stderr_text))
    texts.insert(len(texts) if "PegasusLite" in own or len(streams) > 1 else 0, own)
    texts.append("" if streams else pieces[0])
    for text in texts:
        lines = last_lines(text, most)
        if lines:
            return (lines[0].lstrip(), *lines[1:]) if text[:1] == " " else lines
    return ()
