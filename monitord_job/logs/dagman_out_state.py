"""What must be known of the lines of a dagman.out read so far to read the next one: small, whatever the DAG."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from dag_rewriter.logs.events import NodeEvent


class Starting(NamedTuple):
    """A DAGMan that has come up and not yet begun to work; `time` is when it read the DAG, or came up.

    `batch` is the batch it belongs to: its own job id, or that of the DAGMan at the top.
    """

    job: str
    time: int
    pid: str = ""
    parsed: bool = False
    batch: str = ""


class Cluster(NamedTuple):
    """A node with more than one job: how many have not left the queue, and the return value of the first that failed.

    A cluster that materializes late (`factory`) has ended when DAGMan says so, not when its last job has left.
    """

    procs: int
    failed: str | None = None
    factory: bool = False


@dataclass(frozen=True, slots=True)
class DagmanOutState:
    """The reader's memory. Times are seconds since the epoch.

    `seen` counts the events that DAGMan has read from its nodes.log; in a RECOVERY section it reads that file again
    from the beginning, `at` counts along, and only what is beyond `seen` is new. `judged` tells whether DAGMan has said
    what became of the last event's job or script. `fresh` means that no event was read since DAGMan came up.
    `format` is how times are written, where that had to be learned.
    """

    clock: int = 0
    event_clock: int = 0
    starting: Starting | None = None
    refused: str | None = None
    reason: str | None = None
    submitting: str | None = None
    held_back: tuple[NodeEvent, ...] = ()
    fresh: bool = False
    recovering: bool = False
    seen: int = 0
    at: int = 0
    judged: bool = False
    clusters: tuple[tuple[str, Cluster], ...] = ()
    format: str = ""


def dump(state: DagmanOutState) -> str:
    """The state as a line of JSON, to be stored with the cursor of the file; only what is not as at the beginning.

    >>> dump(DagmanOutState(seen=3))
    '{"seen": 3}'
    """
    beginning = DagmanOutState()
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    return json.dumps({name: value for name, value in values.items() if value != getattr(beginning, name)})


def load(text: str) -> DagmanOutState:
    """The inverse of `dump`; an empty text is the beginning. Raises ValueError for any other text."""
    if not text:
        return DagmanOutState()
    try:
        values: dict[str, Any] = json.loads(text)
        if "starting" in values:
            values["starting"] = Starting(*values["starting"])
        values["held_back"] = tuple(NodeEvent(*event) for event in values.get("held_back", ()))
        values["clusters"] = tuple((node, Cluster(*cluster)) for node, cluster in values.get("clusters", ()))
        return DagmanOutState(**values)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not the state of a dagman.out: {text[:80]}") from error
