"""Whether HTCondor can read the configuration that a DAG names: condor_submit_dag refuses the DAG if not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.check.scope import Finding, Severity
from dag_rewriter.language.text import text_of

_MANY_LINES = re.compile(r"@=(\S+)\s*$")
_BLOCK = re.compile(r"\s*(if|endif)\b", re.IGNORECASE)
_SAYS_SOMETHING = re.compile(r".*[=:]|\s*(#|$|(include|error|warning|elif|else)\b)", re.IGNORECASE)


def bad_line(text: str) -> tuple[int, str] | None:
    """The first line that is no setting and no word of the configuration's language, with its number from 1.

    What stands between `if` and `endif` may not count, and is not looked at. Seen with 23.9 and 25.14.

    >>> bad_line("DAGMAN_MAX_JOBS_IDLE = 5\\nDAGMAN_USE_STRICT 0\\n")
    (2, 'DAGMAN_USE_STRICT 0')
    >>> bad_line("# note\\nX @=end\\nany text\\n@end\\nif defined X\\n any\\nendif\\nY = a \\\\\\n b\\n")
    """
    depth, end, goes_on = 0, "", False
    for number, line in enumerate(text.splitlines(), 1):
        if end:
            end = "" if line.strip() == end else end
            continue
        is_more, goes_on = goes_on, line.rstrip().endswith("\\")
        block = _BLOCK.match(line)
        if block and not is_more:
            depth += 1 if block[1].lower() == "if" else -1
        elif many := _MANY_LINES.search(line):
            end = f"@{many[1]}"
        elif not is_more and depth <= 0 and not _SAYS_SOMETHING.match(line):
            return number, line.strip()
    return None


def configuration_findings(root: Path, config: str | None) -> Iterator[Finding]:
    """An error if the configuration has such a line; `root` is where its path begins."""
    if config is None or files.mode_of(root / config) is None:
        return
    bad = bad_line(text_of(files.read_if_there(root / config, files.SMALL) or b""))
    if bad is not None:
        what = f"HTCondor cannot read the configuration: {bad[1][:100]}"
        yield Finding(str(root / config), bad[0], Severity.ERROR, what, "write NAME = value")
