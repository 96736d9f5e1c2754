"""The one word for each state that a node or a run may be in, as all commands and messages say it. Pure.

docs/monitoring.md shows this table; tests/docs/test_state_words.py holds it and all texts to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class StateWord(Enum):
    """The words, in the order of a life; the value is for people."""

    NOT_STARTED = "not started"
    WAITING = "waiting to start"
    BLOCKED = "blocked by"
    QUEUED = "queued"
    PRE_SCRIPT = "PRE script"
    RUNNING = "running"
    HELD = "held"
    POST_SCRIPT = "POST script"
    DONE = "done"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REMOVED = "removed"
    INTERRUPTED = "interrupted"
    AGAIN = "to run again"


MEANINGS: Mapping[StateWord, str] = MappingProxyType(
    {
        StateWord.NOT_STARTED: "a node: its parents are not done, or a limit keeps it; a run: no DAGMan has begun it",
        StateWord.WAITING: "a run: its DAGMan job is in the queue, and the schedd starts it soon",
        StateWord.BLOCKED: "nodes that are not started: one above them failed or is held, and they wait for it",
        StateWord.QUEUED: "a node: its job is submitted and waits for a machine",
        StateWord.PRE_SCRIPT: "a node: its PRE script runs; messages count it as running",
        StateWord.RUNNING: "a node: its job runs; a run: its DAGMan is at work",
        StateWord.HELD: "a node's job, or the DAGMan job of a run: HTCondor does not run it until it is released",
        StateWord.POST_SCRIPT: "a node: its POST script runs or is due; messages count it as running",
        StateWord.DONE: "a node: it succeeded, all told, or the DAG says that it is done",
        StateWord.SUCCEEDED: "a run: it has ended and no node failed",
        StateWord.FAILED: (
            "a node: its last attempt failed, or did not end before DAGMan left; "
            "a run: it has ended and did not succeed"
        ),
        StateWord.REMOVED: "a node's job, or a run: somebody, or a policy of HTCondor, took it out of the queue",
        StateWord.INTERRUPTED: "a node: it began and did not end, because its DAGMan was removed or died",
        StateWord.AGAIN: "a node: it ran before, and the next run runs it again",
    }
)

OTHER_WORDS: Mapping[str, StateWord] = MappingProxyType(
    {
        "unready": StateWord.NOT_STARTED,
        "never started": StateWord.NOT_STARTED,
        "on hold": StateWord.HELD,
        "is idle": StateWord.QUEUED,
    }
)
"""What is not said, and the word that is said instead."""


def table() -> list[str]:
    """The table in Markdown, line by line.

    >>> table()[2].split(" | ")[0]
    '| not started'
    """
    return [
        "| word | meaning |",
        "|---|---|",
        *(f"| {word.value} | {MEANINGS[word]} |" for word in StateWord),
    ]
