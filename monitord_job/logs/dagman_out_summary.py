"""What a dagman.out, or its end, says of DAGMan itself: how it stands, what it counted last, which version it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from dag_rewriter.language.text import text_of
from dag_rewriter.logs.events import DAGMAN_RESTARTS
from monitord_job.logs import dagman_out_messages as texts
from monitord_job.text.display import one_line


class NodeCounts(NamedTuple):
    """DAGMan's table of nodes. HTCondor 23 counts those that can never run as unready."""

    done: int
    pre: int
    queued: int
    post: int
    ready: int
    unready: int
    failed: int


@dataclass(frozen=True, slots=True)
class LastWord:
    """What the last DAGMan said of itself."""

    recovering: bool = False
    ended: int | None = None
    """its exit code, if that is an end"""
    aborted: bool = False
    """by ABORT-DAG-ON"""


def last_word(tail: bytes) -> LastWord:
    """How the last DAGMan stands, from the end of its log.

    >>> last_word(b"x STARTING UP\\nRunning in RECOVERY mode...\\n").recovering
    True
    """
    word = LastWord()
    for turn in texts.TURNS.finditer(tail):
        if turn["starts"]:
            word = LastWord()
        elif turn["aborts"]:
            word = replace(word, aborted=True)
        elif turn["code"]:
            code = int(turn["code"])
            word = replace(word, recovering=False, ended=None if code == DAGMAN_RESTARTS else code)
        else:
            word = replace(word, recovering=bool(turn["recovers"]))
    return word


def node_counts(tail: bytes) -> NodeCounts | None:
    """The last DAGMan's last count of nodes, from the end of its log; None if it has not counted."""
    tables = texts.NODE_TABLE.findall(tail, max(0, tail.rfind(texts.STARTS)))
    return NodeCounts(*map(int, tables[-1])) if tables else None


def version_in(log: bytes) -> tuple[int, ...] | None:
    """The version of HTCondor that DAGMan was of when it started last."""
    versions = texts.VERSION.findall(log)
    return tuple(map(int, versions[-1])) if versions else None


def queue_update_interval(log: bytes) -> int:
    """How often a DAGMan of 23 looks for its throttles, in seconds, as it said when it started; 300 by default."""
    intervals = texts.QUEUE_UPDATE_INTERVAL.findall(log)
    return int(intervals[-1]) if intervals else 300


def refusal_in(tail: bytes) -> str:
    r"""Why the last DAGMan refused its DAG, in its own words; empty if it came to run nodes.

    >>> refusal_in(b"(CONDOR_DAGMAN) STARTING UP\nx ERROR: x.dag:1 Failed to parse\n")
    'ERROR: x.dag:1 Failed to parse'
    """
    start = tail.rfind(texts.STARTS)
    # With a low DAGMAN_VERBOSITY it counts nothing, and says of nodes only that they failed.
    if start < 0 or texts.NODE_TABLE.search(tail, start) or texts.NODES_RAN.search(tail, start):
        return ""
    match = texts.REFUSAL.search(tail, start)
    return one_line(text_of(match[0].strip())) if match else ""
