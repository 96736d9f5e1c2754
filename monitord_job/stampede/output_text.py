"""The stdout and stderr texts of an attempt as Stampede keeps them: quoted (Pegasus.tools.utils.quote) and cut."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from monitord_job.kickstart.monitoring_payload import without_payloads
from monitord_job.kickstart.records import Invocation
from monitord_job.stampede.state import JobFiles

MAX_TEXT = 2**16 - 1
"""Characters of stdout or stderr kept per attempt, as pegasus-monitord keeps them."""
_MAX_FILE_TEXT = MAX_TEXT - 2000
_MARK = 20  # what pegasus-monitord reckons for the line above each task's text

# Everything but printable ASCII, and the three characters that would end or forge a quoted text.
_QUOTED = {code: f"%{code:02X}" for code in [*range(0x20), *range(0x7F, 0x100), ord("'"), ord('"'), ord("%")]}

_PLAIN = bytes(code for code in range(0x20, 0x7F) if code not in _QUOTED) + b"%"
_MOST_REPLACED = 8


def stderr_text(files: JobFiles) -> str | None:
    """The job's own stderr; None if there is no file."""
    return _of_file(files.stderr_text) if files.stderr_text else files.stderr_text


def stdout_text(files: JobFiles, records: list[Invocation]) -> str | None:
    """What the tasks wrote, stdout and stderr of each after a line that names it; without records, the stdout file."""
    if records:
        return _of_records(records)
    return None if files.stdout_text is None else _of_file(files.stdout_text, "#@ 1 stdout\n")


def _of_file(text: str, mark: str = "") -> str:
    return quote(mark + without_payloads(text)[:_MAX_FILE_TEXT])[:MAX_TEXT]


def _of_records(records: list[Invocation]) -> str:
    parts: list[str] = []
    size = 0
    for number, record in enumerate(records, 1):
        for stream, text in _streams(record):
            room = MAX_TEXT - size - _MARK
            if text is not None and room > 0:
                parts.append(quote(f"#@ {number} {stream}\n{text[:room]}\n"))
                size += min(len(text), room) + _MARK
    return "".join(parts)[:MAX_TEXT]


def _streams(record: Invocation) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    # pegasus-monitord puts a blank before each task's stderr, or says there by what signal it died.
    signal = f"Job was {record.signal}" if record.signal else " "
    stdout = None if record.stdout is None else without_payloads(record.stdout)
    stderr = None if record.stderr is None else signal + without_payloads(record.stderr)
    return ("stdout", stdout), ("stderr", stderr)


def quote(text: str) -> str:
    """The text in printable ASCII; `unquote` is the inverse.

    >>> quote("50 %\\n")
    '50 %25%0A'
    """
    if text.isascii():
        # Nearly every text has few of them; a table for all characters costs ten times as much.
        found = set(text.encode().translate(None, _PLAIN))
        if len(found) <= _MOST_REPLACED:
            text = text.replace("%", "%25")  # the sign of quoting first
            for code in found:
                text = text.replace(chr(code), _QUOTED[code])
            return text
    return text.encode("utf-8", "backslashreplace").decode("latin-1").translate(_QUOTED)


def unquote(text: str) -> str:
    """The text that `quote` was given."""
    return unquote_to_bytes(text).decode("utf-8", "backslashreplace")
