"""Reads X.dag.dagman.out for what the JOBSTATE_LOG leaves out: exit codes of PRE scripts, why a job was not taken.

Messages are found wherever they stand on a line: the time before them, in a site's own format, says nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dag_rewriter.logs.events import NodeLogEvent, NodeLogKind
from monitord_job.text.unprintable import text_of

# dag.cpp PreScriptReaper; "of Job" in 8.9, "of node" where a signal ended it.
_PRE = re.compile(
    rb"PRE Script of (?:[Nn]ode|Job) (\S+) (?:failed with status (-?\d{1,10})|died on (?:signal (\d{1,10}))?)"
)
_SUBMITTING = re.compile(rb"Submitting (?:\w+ )?Node (\S+) job\(s\)\.\.\.$")
# dag.cpp ProcessFailedSubmit, since 25.3: all of it on one line.
_EVENT = re.compile(
    rb"Event: ULOG_SUBMIT_FAILURE for (?:\w+ )?(?:Node|Job) (\S+) \([-\d.]+\)(?: \{[^}]*\})? ?(.*)$"
)
# dagman_submit.cpp, before that.
_WORDS = re.compile(rb"(?:ERROR: |submit error: |From submit: (?:ERROR: )?|Failed to submit job \S+: )(.+)$")
_FAILED = re.compile(rb"Job submit try \d+/\d+ failed|(?:Job|Node) submit failed after \d+ tr")
_MARKS = (b"ubmi", b"_SUBMIT_FAILURE", b"PRE Script of", b"ERROR: ")
_MOST = 2000
"""Characters of a reason that are kept."""


def parse_lines(memo: str, lines: Iterable[bytes]) -> tuple[str, list[NodeLogEvent]]:
    r"""What the lines tell, in their order, and what to remember for the next ones: empty at the beginning of a file.

    >>> parse_lines("", [b"01/02/26 03:04:05 PRE Script of Node A failed with status 9"])[1][0][1:]
    ('A', '9')
    """
    node, _, said = memo.partition("\n")
    events: list[NodeLogEvent] = []
    for line in lines:
        if not any(mark in line for mark in _MARKS):
            continue
        if match := _PRE.search(line):
            name, status, signal = match.groups()
            code = status or (b"-" + signal if signal else b"1")
            events.append(NodeLogEvent(NodeLogKind.PRE_SCRIPT_FAILED, text_of(name), code.decode("ascii")))
        elif match := _SUBMITTING.search(line):
            node, said = text_of(match[1]), ""
        elif match := _EVENT.search(line):
            events.append(_not_taken(text_of(match[1]), text_of(match[2]) or said))
            node = ""
        elif _FAILED.search(line):
            if node:  # newer DAGMans have said it in the line before
                events.append(_not_taken(node, said))
            node = ""
        elif node and (match := _WORDS.search(line)):
            said = "; ".join(filter(None, (said, text_of(match[1]))))[:_MOST]
    return (f"{node}\n{said}" if node else ""), events


def _not_taken(node: str, reason: str) -> NodeLogEvent:
    return NodeLogEvent(NodeLogKind.SUBMIT_FAILED, node, " ".join(reason.split())[:_MOST])
