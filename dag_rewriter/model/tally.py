"""Counts over all nodes of a DAG without making one of them: what metrics need of a million nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.text import bytes_of, text_of
from dag_rewriter.model.dag import Dag
from dag_rewriter.model.index import Index
from dag_rewriter.model.levels import level_sizes, sizes_of
from dag_rewriter.model.splices import ORDINARY, Part, WholeDag
from dag_rewriter.model.telling import UNTOLD, Telling, alike

_ORDINARY = tuple(ORDINARY)
"""To look for one of them in a set, its hash is made anew each time."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many nodes of each sort a DAG has."""

    kinds: Counter[NodeKind]
    categories: Counter[str | None]
    submit_files: Counter[str]
    """by path, as `Dag.submit_files` gives it: nodes without a file of their own are left out"""
    descriptions: Counter[bytes]
    """by the submit description that stands in the DAG, or what it tells"""


def tally(dag: Dag, without: Collection[str] = (), telling: Telling = UNTOLD) -> Tally:
    """Counts all nodes but those named in `without`.

    >>> from dag_rewriter.model.dag import parse_dag
    >>> counts = tally(parse_dag(b"JOB A a\\nJOB B a\\nCATEGORY B c\\nFINAL F f\\n", "x.dag"), without=["F"])
    >>> dict(counts.categories), dict(counts.submit_files)
    ({None: 1, 'c': 1}, {'a': 2})
    """
    index = dag.index
    described = {name: telling.of(text) for _, (name, text) in index.all(b"SUBMIT_DESCRIPTION")}
    plain, special = _plain(index), set(index.word_by_word)
    out = _places(dag, without)
    descriptions: Counter[bytes] = Counter()
    for path in described.keys() & plain.keys():
        descriptions[described[path]] += plain[path]
    in_pieces = 0
    for lines, places in alike(index, telling):
        number = len(places) - sum(place in places for place in out)
        descriptions[lines] += number
        in_pieces += number
    kinds: Counter[NodeKind] = Counter({NodeKind.JOB: plain.total() + in_pieces})
    submit_files = Counter({text_of(path): n for path, n in plain.items() if path not in described})
    done = {index.ordinals[name] for name in index.done if name in index.ordinals}
    for place in special | done | out:
        if index.nodes[place] is None:
            continue
        kind, _, file, directory, noop, is_done, inline = index.fields_of(place, b"")
        if place in special:
            kinds[kind] += place not in out
        else:
            kinds[kind] -= place in out
        text = telling.of(inline) if inline is not None else described.get(file)
        if kind is NodeKind.SUBDAG:
            continue
        if text is not None:
            descriptions[text] += (place in special) - (place in out)
            continue
        path = file if directory is None or file[:1] == b"/" else directory + b"/" + file
        counts = not (noop or is_done or place in done or place in out)
        submit_files[text_of(path)] += counts - (place not in special)
    return Tally(+kinds, _categories(dag, out), +submit_files, +descriptions)


def _plain(index: Index) -> Counter[bytes]:
    """How many plain JOBs have each submit file."""
    if index.word_by_word:
        return Counter(fields for fields in index.nodes if isinstance(fields, bytes))
    counts: Counter[Any] = Counter(index.nodes)
    del counts[None]
    return counts


def tally_whole(whole: WholeDag, telling_of: Callable[[Dag], Telling] = lambda _: UNTOLD) -> Tally:
    """Counts the nodes of all parts but the monitor, under their whole names and the paths from where DAGMan runs."""
    total = Tally(Counter(), Counter(), Counter(), Counter())
    for part in whole.parts:
        counts = tally(part.dag, _uncounted(whole, part), telling_of(part.dag))
        total.kinds.update(counts.kinds)
        total.descriptions.update(counts.descriptions)
        for category, number in counts.categories.items():
            total.categories[part.category(category)] += number
        for path, number in counts.submit_files.items():
            total.submit_files[part.path(path)] += number
    return total


def levels_of(whole: WholeDag) -> tuple[int, ...] | None:
    """How many ordinary nodes (JOB, SUBDAG) are on each level from the top, the monitor left out; None if there is a
    cycle. A node's level is the longest path to it.

    >>> from dag_rewriter.model.splices import expand
    >>> levels_of(expand("x.dag", lambda _: b"JOB A a\\nJOB B a\\nJOB C a\\nPARENT A CHILD B C\\nPARENT B CHILD C\\n"))
    (1, 1, 1)
    """
    if whole.links or any(part.dag.index.groups for part in whole.parts):
        monitor = whole.monitor
        names = (node.name for node in whole.nodes() if node.kind in ORDINARY and node.name != monitor)
        return level_sizes(names, whole.edges())
    levels: list[int] = []
    for part in whole.parts:
        sizes = _levels(part.dag, _uncounted(whole, part))
        if sizes is None:
            return None
        levels += [0] * (len(sizes) - len(levels))
        for level, size in enumerate(sizes):
            levels[level] += size
    return tuple(levels)


def _uncounted(whole: WholeDag, part: Part) -> Collection[str]:
    """The monitor; of a splice its SERVICE nodes, which DAGMan never starts."""
    if not part.is_splice:
        return (whole.monitor,) if whole.monitor is not None and part is whole.parts[0] else ()
    index = part.dag.index
    if not index.special:
        return ()
    return [node.name for node in part.dag.nodes.values() if node.kind is NodeKind.SERVICE]


def _places(dag: Dag, names: Iterable[str]) -> set[int]:
    known = dag.index.ordinals
    return {known[name] for name in map(bytes_of, names) if name in known}


def _categories(dag: Dag, out: set[int]) -> Counter[str | None]:
    """Of each node the last category that a line gives it."""
    chosen, names = dag.index.categories()
    counts = Counter(chosen)
    counts.subtract(chosen[place] for place in out)
    words: list[str | None] = [None, *map(text_of, names)]
    return +Counter({words[number]: count for number, count in counts.items()})


def _levels(dag: Dag, without: Collection[str]) -> tuple[int, ...] | None:
    index = dag.index
    out = _places(dag, without)
    out.update(place for place in index.special if index.kind_of(place) not in _ORDINARY)
    sizes = sizes_of(len(index.nodes), index.parents, index.children, out)
    if sizes is None or not out:
        return sizes
    first, *rest = sizes
    return tuple(size for size in (first - len(out), *rest) if size)
