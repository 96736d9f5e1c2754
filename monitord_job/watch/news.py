"""What is new since the last look at a run, line by line: each hold and each failure once, here and below. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus
from monitord_job.text.display import one_line
from monitord_job.watch.moment import Key, Moment, NodeNow

_SHOWN = (NodeStatus.RUNNING, NodeStatus.QUEUED, NodeStatus.POST, NodeStatus.HELD, NodeStatus.FAILED)
_REASON = 5.0
"""Seconds that the reason of a hold is waited for."""
_TOLD = 100
"""Lines of one kind at one look; beyond that, counted."""


def describe(counts: Counter[NodeStatus], held_below: int = 0) -> str:
    """What is under way, in words; `held_below` are jobs of sub-workflows.

    >>> describe(Counter({NodeStatus.RUNNING: 3, NodeStatus.FAILED: 1, NodeStatus.SUCCEEDED: 2}))
    '3 running, 1 failed'
    """
    said = [f"{counts[status]} {NODE_WORDS[status].value}" for status in _SHOWN if counts[status]]
    return ", ".join([*said, f"{held_below} held in sub-workflows"] if held_below else said)


def line_of(node: NodeNow) -> str:
    """A hold or a failure, on one line."""
    word = NODE_WORDS[node.status].value
    said = f"{word}, tried again" if node.again else word
    why = "" if node.cause is None else f": {one_line(node.cause.phrase.removeprefix(f'{word}: '))}"
    see = f", see {one_line(node.output)}" if node.output and node.status is NodeStatus.FAILED else ""
    job = f" (job {node.job}{see})" if node.job else ""
    return f"{said}: {node.node}{job}{why}"


class News:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._told: dict[NodeStatus, set[Key]] = {NodeStatus.HELD: set(), NodeStatus.FAILED: set()}
        self._counts: dict[int, tuple[int, int]] = {}
        self._by_queue: set[str] = set()
        self._by_database: set[str] = set()

    def of(self, moment: Moment) -> Iterator[str]:
        """Lines that were not told before: holds and failures, the oldest first, then how far each workflow is."""
        # Held again, it is told again. A hold that the queue told first has another time once it is stored.
        self._told[NodeStatus.HELD] &= {node.key for node in moment.held}
        for status, nodes in ((NodeStatus.HELD, moment.held), (NodeStatus.FAILED, moment.failed)):
            told = self._told[status]
            new = [node for node in nodes if node.key not in told and not _may_say_more(node, moment.now)]
            told |= {node.key for node in new}
            if len(new) > _TOLD:
                word = NODE_WORDS[new[0].status].value
                yield f"{word}: {len(new) - _TOLD} more; `bridle status` has them"
            for node in reversed(new[:_TOLD]):
                line = line_of(node)
                if not _heard(line, self._by_queue, self._by_database):
                    yield line
        yield from self._progress(moment)

    def is_told(self, line: str) -> bool:
        """Whether somebody else's line about a hold (`held: NODE (job 7.0): why`) says what was told already."""
        return _heard(line, self._by_database, self._by_queue)

    def _progress(self, moment: Moment) -> Iterator[str]:
        for one in moment.workflows:
            held = moment.run.held_below if not one.path else 0
            now = (one.done, one.counts.get(NodeStatus.HELD, 0) + held)
            if self._counts.get(one.wf_id) == now or (one.path and now == (0, 0)):
                continue
            self._counts[one.wf_id] = now
            doing = describe(_counter(one.counts), held)
            where = f"{one.path}: " if one.path else ""
            yield f"{where}{one.done} of {one.total} jobs done" + (f" ({doing})" if doing else "")


def _may_say_more(node: NodeNow, now: float) -> bool:
    """The reason of a hold stands in another log than the hold, and may be stored a moment later."""
    has_reason = node.cause is not None and bool(node.cause.reason)
    return node.status is NodeStatus.HELD and not has_reason and now - node.since < _REASON


def _heard(line: str, there: set[str], here: set[str]) -> bool:
    """Whether one of two witnesses has told of it; else it is remembered for the other, who tells of it once."""
    head = line.partition("): ")[0]
    if head in there:
        there.discard(head)
        return True
    here.add(head)
    return False


def _counter(counts: Mapping[NodeStatus, int]) -> Counter[NodeStatus]:
    return Counter(dict(counts))
