"""What a DAG means: its nodes, edges, limits. Indexed once, in one pass over the bytes; nodes become values
when asked for.

Kept as bytes and small tuples inside, because a workflow may have a million nodes; text (UTF-8,
surrogateescape) outside.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dag_rewriter.language.commands import (
    Connect,
    Dot,
    Environment,
    NodeKind,
    Pin,
    Splice,
)
from dag_rewriter.language.field_words import Fields
from dag_rewriter.language.text import bytes_of, text_of, texts_of
from dag_rewriter.model.index import Index
from dag_rewriter.model.indexing import build_index
from dag_rewriter.model.nodes import Node, Nodes, Script, Work
from dag_rewriter.model.telling import UNTOLD, Telling, alike

__all__ = ["Dag", "Edges", "Node", "NodeKind", "Nodes", "Script", "Uncategorised", "Work", "parse_dag"]


class Edges:
    """(parent, child) of every dependency between nodes; those that pass through a splice are left out."""

    __slots__ = ("_index",)

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        known = self._index.ordinals
        count = len(self._index.parents)
        for parents, children, _ in self._index.groups:
            count += sum(p in known for p in parents) * sum(c in known for c in children)
        return count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        names = [text_of(name) for name in self._index.ordinals]
        for parent, child in self._index.edges():
            yield names[parent], names[child]

    @property
    def groups(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...], bool], ...]:
        """(parents, children, weak) of each PARENT line that names something which is no node of this file."""
        return tuple((texts_of(p), texts_of(c), weak) for p, c, weak in self._index.groups)

    @property
    def weak(self) -> frozenset[tuple[str, str]]:
        """The edges that a WEAK PARENT line gave: the child runs also if the parent failed (25.13)."""
        names = [text_of(name) for name in self._index.ordinals] if self._index.weak else []
        return frozenset((names[parent], names[child]) for parent, child in self._index.weak)


class Uncategorised(NamedTuple):
    """The places (in the order of the file, from 0) of nodes in no category, by all that a policy may ask of them but
    their names.
    """

    files: Mapping[bytes, list[int]]
    """by the path of the submit file"""
    descriptions: Mapping[bytes, list[int]]
    """by the submit description that stands in the DAG, or what tells of it"""
    sub_dags: list[int]
    others: list[int]
    """NOOP, DONE: it does not matter what their files say"""


class Dag:
    """A DAG that was read.

    `source` names it in messages; `nodes` maps names to Node values, made when asked for, in the order of the file;
    `edges` iterates over (parent, child) and has a length; `max_jobs` maps categories to their limits.
    """

    __slots__ = ("_index", "edges", "max_jobs", "nodes", "source")

    def __init__(self, index: Index, source: str) -> None:
        self._index = index
        self.source = source
        self.nodes = Nodes(index)
        self.edges = Edges(index)
        self.max_jobs: Mapping[str, int] = {text_of(k): v for _, (k, v) in index.all(b"MAXJOBS")}

    @property
    def index(self) -> Index:
        """What all of this is read from, for those who count a million nodes (`tally`)."""
        return self._index

    def _values(self, word: bytes) -> tuple[tuple[Any, ...], ...]:
        return tuple(texts_of(fields) for _, fields in self._index.all(word))

    @property
    def config(self) -> str | None:
        """The file of the CONFIG line, as written."""
        return next((file for (file,) in self._values(b"CONFIG")), None)

    @property
    def config_lines(self) -> tuple[int, ...]:
        """The line numbers of all CONFIG lines."""
        return tuple(line for line, _ in self._index.all(b"CONFIG"))

    @property
    def jobstate_log(self) -> str | None:
        """The file of the first JOBSTATE_LOG line (DAGMan takes the first), as written."""
        return next((file for (file,) in self._values(b"JOBSTATE_LOG")), None)

    @property
    def dot(self) -> Dot | None:
        """Of the last DOT line, which DAGMan takes."""
        return next((Dot(*values) for values in reversed(self._values(b"DOT"))), None)

    @property
    def environment(self) -> tuple[Environment, ...]:
        """ENV SET and ENV GET."""
        return tuple(Environment(*values) for values in self._values(b"ENV"))

    @property
    def monitor(self) -> str | None:
        """The name of the monitor node that bridle put in; None in a DAG that was not rewritten."""
        return None if self._index.monitor is None else text_of(self._index.monitor)

    @property
    def descriptions(self) -> Mapping[str, str]:
        """Named submit descriptions (SUBMIT-DESCRIPTION)."""
        return dict(self._values(b"SUBMIT_DESCRIPTION"))

    @property
    def splices(self) -> tuple[str, ...]:
        """Names of the splices; their nodes are not among `nodes`."""
        return tuple(splice.name for splice in self.splice_commands)

    @property
    def splice_commands(self) -> tuple[Splice, ...]:
        """Each splice with its file and directory."""
        return tuple(Splice(*values) for values in self._values(b"SPLICE"))

    @property
    def connections(self) -> tuple[Connect, ...]:
        """CONNECT: which splices are joined at their pins."""
        return tuple(Connect(*values) for values in self._values(b"CONNECT"))

    @property
    def pins(self) -> tuple[Pin, ...]:
        """PIN_IN and PIN_OUT."""
        pins = sorted((*self._index.all(b"PIN_IN"), *self._index.all(b"PIN_OUT")))
        return tuple(Pin(*texts_of(fields)) for _, fields in pins)

    @property
    def includes(self) -> tuple[str, ...]:
        """Included files; their commands are not read."""
        return tuple(file for (file,) in self._values(b"INCLUDE"))

    @property
    def has_parts(self) -> bool:
        """Whether nodes are defined in other files too: sub-DAGs, splices, includes."""
        kinds = map(self._index.kind_of, self._index.special)
        return bool(self._index.all(b"SPLICE") or self.includes) or NodeKind.SUBDAG in kinds

    def sub_dags(self) -> Iterator[Node]:
        """The SUBDAG EXTERNAL nodes. To make all nodes and look at each takes as long as to read the DAG."""
        index = self._index
        for place in index.special:
            if index.kind_of(place) is NodeKind.SUBDAG:
                yield self.nodes[text_of(index.fields_of(place, b"")[1])]

    @property
    def other(self) -> tuple[tuple[int, str], ...]:
        """(line, text) of each line that is no command of DAGMan 25's."""
        return tuple((line, text_of(text)) for line, text in self._index.other)

    @property
    def unknown(self) -> tuple[tuple[int, str], ...]:
        """(line, first word) of each line that is no command of DAGMan 25's."""
        return tuple((line, text_of((text.split(None, 1) or [b""])[0])) for line, text in self._index.other)

    def highest_priority(self) -> int:
        """The highest PRIORITY of the DAG, 0 at least."""
        highest: int = max((priority for (priority,) in self._index.table(b"PRIORITY").values()), default=0)
        return max(0, highest)

    def used_categories(self) -> set[str]:
        """The categories that a CATEGORY line names."""
        return {text_of(name) for name in self._index.categories()[1]}

    def count_categories(self, nodes: Iterable[str] | None = None) -> Counter[str]:
        """How many nodes are in each category: of all, or of these. Makes no node."""
        chosen, names = self._index.categories()
        if nodes is not None:
            places = self._index.ordinals
            chosen = array("I", [chosen[places[name]] for name in map(bytes_of, nodes) if name in places])
        return Counter(
            {text_of(names[number - 1]): count for number, count in Counter(chosen).items() if number}
        )

    def uncategorised(self, telling: Telling = UNTOLD) -> Uncategorised:
        """The nodes that could be in a category (JOB, SUBDAG) but are in none. Descriptions that are told to be alike
        (`telling`) go together.
        """
        return _sort(self._index, self._described(), telling)

    def submit_files(self) -> Iterator[tuple[str, str, bool]]:
        """(node, path of its submit file from the DAG's directory, whether it must be there before the
        start).

        A node without a file of its own (SUBDAG, NOOP, DONE, inline or named description) is left out; one
        with a PRE script may get its file from that.
        """
        index = self._index
        pre, done, described = index.table(b"PRE"), index.done, self._described()
        for (name, place), fields in zip(index.ordinals.items(), index.nodes):  # noqa: B905
            if fields is None:
                continue
            if isinstance(fields, bytes):
                kind, path = NodeKind.JOB, None if fields in described else fields
            else:
                kind, path = fields[1], _path_of(fields, described)
            if path is not None and name not in done:
                yield text_of(name), text_of(path), not pre or pre.get(place, kind) is None

    def submit_paths(self) -> dict[str, bool]:
        """The paths of `submit_files`, each once, and whether one of its nodes needs it before the start."""
        index = self._index
        if index.special or index.done or self._described() or index.table(b"PRE"):
            required_by_path: dict[str, bool] = {}
            for _, path, required in self.submit_files():
                required_by_path[path] = required_by_path.get(path, False) or required
            return required_by_path
        nodes: Iterable[Any] = index.nodes
        if index.word_by_word:
            nodes = (fields[3] if isinstance(fields, tuple) else fields for fields in index.nodes)
        paths = dict.fromkeys(nodes)
        paths.pop(None, None)
        return dict.fromkeys(map(text_of, paths), True)

    def submit_users(self) -> dict[str, str]:
        """By the paths of `submit_files` one node each that has it."""
        index = self._index
        if index.word_by_word or index.done or self._described():
            return {path: name for name, path, _ in self.submit_files()}
        users = dict(zip(index.nodes, index.ordinals, strict=True))
        users.pop(None, None)
        return {text_of(path): text_of(name) for path, name in users.items() if isinstance(path, bytes)}

    def inline_descriptions(self) -> Iterator[tuple[str, bytes]]:
        """(node, its submit description) of the nodes whose description stands in the DAG."""
        described = self._described()
        if not described and not self._index.special and not self._index.described:
            return
        for place, (name, fields) in enumerate(zip(self._index.ordinals, self._index.nodes, strict=True)):
            if fields is None:
                yield text_of(name), self._index.fields_of(place, name)[6]
            else:
                text = _description_of(fields, described)
                if text is not None:
                    yield text_of(name), text

    def inline_texts(self) -> Iterator[bytes]:
        """The submit descriptions that stand in the DAG, some of them several times, without those of pieces
        (`Index.described`).
        """
        described = self._described()
        if described or self._index.special:
            nodes = (fields for fields in self._index.nodes if fields is not None)
            texts = (_description_of(fields, described) for fields in nodes)
            yield from (text for text in texts if text is not None)

    def _described(self) -> dict[bytes, bytes]:
        return dict(fields for _, fields in self._index.all(b"SUBMIT_DESCRIPTION"))


def _sort(index: Index, described: Mapping[bytes, bytes], telling: Telling) -> Uncategorised:
    chosen, _ = index.categories()
    found = Uncategorised(defaultdict(list), defaultdict(list), [], [])
    if all(chosen):
        return found
    files, descriptions, sub_dags, others = found
    has_categories = any(chosen)
    for lines, places in alike(index, telling):
        descriptions[lines] += [place for place in places if not chosen[place]] if has_categories else places
    for place, (number, fields) in enumerate(zip(chosen, index.nodes, strict=True)):
        if number or fields is None:
            continue
        if isinstance(fields, bytes):
            description = described.get(fields)
            (files[fields] if description is None else descriptions[telling.of(description)]).append(place)
        elif fields[1] is NodeKind.SUBDAG:
            sub_dags.append(place)
        elif fields[1] is NodeKind.JOB:
            description = _description_of(fields, described)
            if description is not None:
                descriptions[telling.of(description)].append(place)
            else:
                path = _path_of(fields, described)
                (others if path is None else files[path]).append(place)
    return found._replace(
        descriptions={lines: sorted(places) for lines, places in descriptions.items() if places}
    )


def _description_of(fields: bytes | Fields, described: Mapping[bytes, bytes]) -> bytes | None:
    """The submit description that stands in the DAG for a node; None if it has none."""
    if isinstance(fields, bytes):
        return described.get(fields)
    if fields[7] is not None:
        text: bytes = fields[7]
        return text
    return None if fields[1] is NodeKind.SUBDAG else described.get(fields[3])


def _path_of(fields: Fields, described: Mapping[bytes, bytes]) -> bytes | None:
    """Of a node whose line says more than a file; None if it has no submit file of its own, or needs none."""
    _, kind, _, file, directory, noop, done, inline = fields
    if kind is NodeKind.SUBDAG or noop or done or inline is not None or file in described:
        return None
    path: bytes = file if directory is None or file[:1] == b"/" else directory + b"/" + file
    return path


def parse_dag(data: bytes, source: str, segments: Sequence[tuple[int, int]] = ()) -> Dag:
    """The meaning of a DAG; `source` names the file in errors. Raises DagSyntaxError. `segments`: (start, stop) of all
    that it consists of, in the order in which its settings count.

    >>> dag = parse_dag(b"JOB A a.sub\\nJOB B b.sub\\nPARENT A CHILD B\\nRETRY ALL_NODES 2\\n", "x.dag")
    >>> dag.nodes["B"].retries, list(dag.edges)
    (2, [('A', 'B')])
    """
    return Dag(build_index(data, source, segments=segments), source)
