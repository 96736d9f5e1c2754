"""Counts over all nodes of a DAG without making one of them: what metrics need of a million nodes."""

from __future__ import annotations

import operator
from array import array
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from dag_rewriter.commands import NodeKind
from dag_rewriter.dag import Dag
from dag_rewriter.text import text_of


@dataclass(frozen=True, slots=True)
class Tally:
    """How many nodes of each sort a DAG has."""

    kinds: Counter[NodeKind]
    categories: Counter[str | None]
    submit_files: Counter[tuple[NodeKind, str]]
    """by kind and path of the submit file (of the DAG file for a SUBDAG), as `Dag.submit_files` gives it"""
    described: tuple[str, ...]
    """the nodes whose description stands in the DAG: they are in no count of `submit_files`"""


def tally(dag: Dag, without: str | None = None) -> Tally:
    """Counts all nodes but the one named `without`.

    >>> from dag_rewriter.dag import parse_dag
    >>> counts = tally(parse_dag(b"JOB A a\\nJOB B a\\nCATEGORY B c\\nFINAL F f\\n", "x.dag"), without="F")
    >>> dict(counts.categories), dict(counts.submit_files)
    ({None: 1, 'c': 1}, {(<NodeKind.JOB: 'JOB'>, 'a'): 2})
    """
    index = dag.index
    out = index.ordinals.get(without.encode("utf-8", "surrogateescape")) if without is not None else None
    plain: Counter[bytes] = Counter(fields for fields in index.nodes if isinstance(fields, bytes))
    submit_files = Counter({(NodeKind.JOB, text_of(path)): number for path, number in plain.items()})
    described = tuple(name for name, _ in dag.inline_descriptions() if name != without)
    known = {fields[0] for _, fields in index.all(b"SUBMIT_DESCRIPTION")}
    for path in known:
        submit_files.pop((NodeKind.JOB, text_of(path)), None)
    kinds: Counter[NodeKind] = Counter({NodeKind.JOB: plain.total()})
    for place, fields in enumerate(index.nodes):
        if isinstance(fields, bytes):
            if place == out:
                kinds[NodeKind.JOB] -= 1
                submit_files[NodeKind.JOB, text_of(fields)] -= 1
        elif place != out:
            _, kind, _, file, directory, _, _, inline = fields
            kinds[kind] += 1
            if inline is None and (file not in known or kind is NodeKind.SUBDAG):
                path = file if directory is None or file[:1] == b"/" else directory + b"/" + file
                submit_files[kind, text_of(path)] += 1
    return Tally(+kinds, _categories(dag, out), +submit_files, described)


def _categories(dag: Dag, out: int | None) -> Counter[str | None]:
    """Of each node the last category that a line gives it."""
    index = dag.index
    chosen = array("I", bytes(4 * len(index.nodes)))
    numbers: dict[bytes, int] = {}
    for part in index.parts:
        for name, category in index.select(part, b"CATEGORY") if b"CATEGORY" in part.keys else ():
            number = numbers.setdefault(category, len(numbers) + 1)
            if name in index.ordinals:  # an INCLUDE may define others
                chosen[index.ordinals[name]] = number
        for kind, (name, *rest) in part.entries or ():
            if kind == b"CATEGORY":
                number = numbers.setdefault(rest[0], len(numbers) + 1)
                if name in index.ordinals:
                    chosen[index.ordinals[name]] = number
                elif name.upper() == b"ALL_NODES":
                    chosen = array("I", [number]) * len(chosen)
                    for place in index.special:
                        kind_of = index.fields_of(place, b"")[0]
                        chosen[place] = number if kind_of in (NodeKind.JOB, NodeKind.SUBDAG) else 0
    counts = Counter(chosen)
    if out is not None:
        counts[chosen[out]] -= 1
    names: list[str | None] = [None, *map(text_of, numbers)]
    return +Counter({names[number]: count for number, count in counts.items()})


def level_sizes(dag: Dag, without: str | None = None) -> tuple[int, ...] | None:
    """How many ordinary nodes (JOB, SUBDAG) are on each level from the top; None if there is a cycle.

    A node's level is the longest way to it. Edges that pass through a splice are not known here.

    >>> from dag_rewriter.dag import parse_dag
    >>> level_sizes(parse_dag(b"JOB A a\\nJOB B a\\nJOB C a\\nPARENT A CHILD B C\\nPARENT B CHILD C\\n", "x.dag"))
    (1, 1, 1)
    """
    index = dag.index
    parents, children = index.parents, index.children
    levels: array[int] | None = array("I", bytes(4 * len(index.nodes)))
    assert levels is not None
    if all(map(operator.lt, parents, children)) and (_rises(parents) or _rises(children)):
        # No edge into a node comes after one out of it, so one look at each edge is enough.
        for parent, child in zip(parents, children, strict=True):
            if levels[parent] >= levels[child]:
                levels[child] = levels[parent] + 1
    else:
        levels = _levels(len(index.nodes), parents, children)
    if levels is None:
        return None
    counts = Counter(levels)
    out = index.ordinals.get(without.encode("utf-8", "surrogateescape")) if without is not None else None
    for place in index.special:
        if place != out and index.fields_of(place, b"")[0] not in (NodeKind.JOB, NodeKind.SUBDAG):
            counts[levels[place]] -= 1
    if out is not None:
        counts[levels[out]] -= 1
    return tuple(counts[level] for level in sorted(+counts))


def _rises(numbers: array[int]) -> bool:
    return all(map(operator.le, numbers, islice(numbers, 1, None)))


def _levels(count: int, parents: array[int], children: array[int]) -> array[int] | None:
    below: list[list[int]] = [[] for _ in range(count)]
    waits = array("I", bytes(4 * count))
    for parent, child in zip(parents, children, strict=True):
        below[parent].append(child)
        waits[child] += 1
    levels = array("I", bytes(4 * count))
    ready = [node for node in range(count) if not waits[node]]
    for node in ready:
        for child in below[node]:
            levels[child] = max(levels[child], levels[node] + 1)
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return levels if len(ready) == count else None
