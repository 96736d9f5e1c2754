"""Reads what PegasusLite adds to a job's stdout by its form, some fifty times as fast as a YAML library.

pegasus-integrity and pegasus-transfer write lists of what they did (their check_info_yaml, dump_summary_yaml and
stats_summary), and a web service says where a machine is. A section that is not letter by letter of that form is left
to the YAML library: `scan` never gives another value than that would.
"""

from __future__ import annotations

import re
from functools import cache

from monitord_job.kickstart.records import IntegritySummary
from monitord_job.kickstart.regex_values import DECIMAL, INT, PATH, QUOTED, either, lines, says_otherwise

_ENTRY = "[a-z][a-z0-9_]{0,60}: " + either(QUOTED, PATH, "")
_ATTEMPT = lines(2, f"- {_ENTRY}") + f"(?:{lines(4, _ENTRY)})*"
_ATTEMPTS = lines(0, "- (?:integrity_verification|transfer)_attempts:") + f"(?:{_ATTEMPT})*"
_SUMMARY = r"- integrity_summary:\n    succeeded: {0}\n    failed: {0}\n    duration: {1}\n"
_LOCATION = lines(0, "location:") + f"(?:{lines(4, _ENTRY)})+"

_SECTION = rf"(?:(?:{_ATTEMPTS}|{_SUMMARY.format(INT, DECIMAL)})+|{_LOCATION})\n*\Z"
_SUMMARIES = "^" + _SUMMARY.format(f"({INT})", f"({DECIMAL})")


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A section, the summaries in it: compiled when one is read, for most runs have none."""
    return re.compile(_SECTION), re.compile(_SUMMARIES, re.MULTILINE)


def scan(offset: int, text: str) -> list[IntegritySummary] | None:
    """What a section says of integrity, or None if it is not exactly of the form."""
    section, summaries = _patterns()
    if section.match(text) is None or (not text.isascii() and says_otherwise(text, 0, len(text))):
        return None
    return [
        IntegritySummary(offset, int(succeeded), int(failed), float(duration))
        for succeeded, failed, duration in summaries.findall(text)
    ]
