"""What a DAG means: its nodes, edges, limits. Indexed once, in one pass over the bytes; nodes become values
when asked for.

Kept as bytes and small tuples inside, because a workflow may have a million nodes; text (UTF-8,
surrogateescape) outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dag_rewriter.commands import NodeKind, ScriptType
from dag_rewriter.fields import KEPT, Fields
from dag_rewriter.index import Index, build_index
from dag_rewriter.lexer import keyword
from dag_rewriter.pairs import pairs
from dag_rewriter.text import bytes_of, text_of

__all__ = ["Dag", "Edges", "Node", "NodeKind", "Nodes", "Script", "parse_dag"]


@dataclass(frozen=True, slots=True)
class Script:
    """A PRE, POST or HOLD script; `arguments` is the raw rest of the line."""

    executable: str
    arguments: str = ""
    defer: tuple[int, int] | None = None
    debug: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One node with all that the DAG says about it, ALL_NODES included."""

    name: str
    kind: NodeKind
    submit_file: str
    """As written in the DAG, relative to `directory`; the DAG file of a SUBDAG; meaningless where `inline` is
    set.
    """
    line_no: int
    directory: str | None = None
    noop: bool = False
    done: bool = False
    inline: str | None = None
    pre: Script | None = None
    post: Script | None = None
    hold: Script | None = None
    retries: int = 0
    unless_exit: int | None = None
    priority: int | None = None
    category: str | None = None
    vars: tuple[tuple[str, str], ...] = ()
    abort_dag_on: tuple[int, int | None] | None = None
    pre_skip: int | None = None


class Nodes(Mapping[str, Node]):
    """The nodes by name, in the order of the file; each is made when it is asked for."""

    __slots__ = ("_index",)

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index.nodes)

    def __iter__(self) -> Iterator[str]:
        return map(text_of, self._index.nodes)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bytes_of(name) in self._index.nodes

    def __getitem__(self, name: str) -> Node:
        key = bytes_of(name)
        if key not in self._index.nodes:
            raise KeyError(name)
        return _node(self._index, key)


class Edges:
    """(parent, child) of every dependency between nodes; those that pass through a splice are left out."""

    __slots__ = ("_index",)

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        known = self._index.nodes
        count = len(self._index.parents)
        for parents, children in self._index.groups:
            count += sum(p in known for p in parents) * sum(c in known for c in children)
        return count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        names = [text_of(name) for name in self._index.nodes]
        for parent, child in zip(self._index.parents, self._index.children, strict=True):
            yield names[parent], names[child]
        known = self._index.nodes
        for parents, children in self._index.groups:
            for one in parents:
                for other in children:
                    if one in known and other in known:
                        yield text_of(one), text_of(other)


class Dag:
    """A parsed DAG; `parse_dag` makes it."""

    __slots__ = ("_index", "edges", "max_jobs", "nodes", "source")

    def __init__(self, index: Index, source: str) -> None:
        self._index = index
        self.source = source
        self.nodes: Mapping[str, Node] = Nodes(index)
        self.edges = Edges(index)
        self.max_jobs: Mapping[str, int] = {text_of(k): v for k, v in index.max_jobs.items()}

    @property
    def config(self) -> str | None:
        """The file of the CONFIG line, as written."""
        return text_of(self._index.configs[0][1]) if self._index.configs else None

    @property
    def config_lines(self) -> tuple[int, ...]:
        """The line numbers of all CONFIG lines."""
        return tuple(line for line, _ in self._index.configs)

    @property
    def jobstate_log(self) -> str | None:
        """The file of the first JOBSTATE_LOG line (DAGMan takes the first), as written."""
        return None if self._index.jobstate_log is None else text_of(self._index.jobstate_log)

    @property
    def monitor(self) -> str | None:
        """The name of the monitor node that bridle put in; None in a DAG that was not rewritten."""
        return None if self._index.monitor is None else text_of(self._index.monitor)

    @property
    def descriptions(self) -> Mapping[str, str]:
        """Named submit descriptions (SUBMIT-DESCRIPTION)."""
        return {text_of(k): text_of(v) for k, v in self._index.descriptions.items()}

    @property
    def splices(self) -> tuple[str, ...]:
        """Names of the splices; their nodes are not among `nodes`."""
        return tuple(map(text_of, self._index.splices))

    @property
    def includes(self) -> tuple[str, ...]:
        """Included files; their commands are not read."""
        return tuple(map(text_of, self._index.includes))

    @property
    def has_parts(self) -> bool:
        """Whether nodes are defined in other files too: sub-DAGs, splices, includes."""
        kinds = (fields[0] for _, fields in self._index.nodes.values())
        return bool(self._index.splices or self._index.includes) or NodeKind.SUBDAG in kinds

    @property
    def other(self) -> tuple[tuple[int, str], ...]:
        """(line, text) of each command whose meaning is not used here."""
        return tuple((line, text_of(text)) for line, text in self._index.other)

    @property
    def unknown(self) -> tuple[tuple[int, str], ...]:
        """(line, first word) of each line that is no command of DAGMan 25's."""
        words = ((line, text.split(None, 1)[0]) for line, text in self._index.other)
        return tuple((line, text_of(word)) for line, word in words if keyword(word) not in KEPT)

    def highest_priority(self) -> int:
        """The highest PRIORITY of the DAG, 0 at least."""
        table = self._index.priorities
        return max(0, table.default or 0, *table.of.values()) if table.of else max(0, table.default or 0)

    def used_categories(self) -> set[str]:
        """The categories that a CATEGORY line names."""
        table = self._index.categories
        return {text_of(c) for c in {*table.of.values(), table.default} if c is not None}

    def uncategorised(self) -> Iterator[tuple[str, NodeKind]]:
        """(name, kind) of the nodes that could be in a category (JOB, SUBDAG) but are in none."""
        table = self._index.categories
        if table.default is not None:
            return
        for name, (_, fields) in self._index.nodes.items():
            if name not in table.of and fields[0] in (NodeKind.JOB, NodeKind.SUBDAG):
                yield text_of(name), fields[0]

    def submit_files(self) -> Iterator[tuple[str, str, bool]]:
        """(node, path of its submit file from the DAG's directory, whether it must be there before the
        start).

        A node without a file of its own (SUBDAG, NOOP, DONE, inline or named description) is left out; one
        with a PRE script may get its file from that.
        """
        pre = self._index.scripts[ScriptType.PRE]
        done, described = self._index.done, self._index.descriptions
        for name, (_, (kind, _, file, directory, noop, is_done, inline)) in self._index.nodes.items():
            if (
                kind is NodeKind.SUBDAG
                or noop
                or is_done
                or inline is not None
                or name in done
                or file in described
            ):
                continue
            path = file if directory is None or file[:1] == b"/" else directory + b"/" + file
            yield text_of(name), text_of(path), pre.get(name, kind) is None

    def inline_descriptions(self) -> Iterator[tuple[str, bytes]]:
        """(node, its submit description) of the nodes whose description stands in the DAG."""
        described = self._index.descriptions
        for name, (_, (kind, _, file, _, _, _, inline)) in self._index.nodes.items():
            if inline is not None:
                yield text_of(name), inline
            elif file in described and kind is not NodeKind.SUBDAG:
                yield text_of(name), described[file]


def parse_dag(data: bytes, source: str) -> Dag:
    """The meaning of a DAG; `source` names the file in errors. Raises DagSyntaxError.

    >>> dag = parse_dag(b"JOB A a.sub\\nJOB B b.sub\\nPARENT A CHILD B\\nRETRY ALL_NODES 2\\n", "x.dag")
    >>> dag.nodes["B"].retries, list(dag.edges)
    (2, [('A', 'B')])
    """
    return Dag(build_index(data, source), source)


def _script(fields: Fields | None) -> Script | None:
    if fields is None:
        return None
    executable, arguments, defer, debug = fields
    shown = None if debug is None else (text_of(debug[0]), text_of(debug[1]))
    return Script(text_of(executable), text_of(arguments), defer, shown)


def _node(index: Index, key: bytes) -> Node:
    line, (kind, _, file, directory, noop, done, inline) = index.nodes[key]
    retries = index.retries.get(key, kind) or (0, None)
    category = index.categories.get(key, kind)
    scripts = {t: _script(table.get(key, kind)) for t, table in index.scripts.items()}
    everyone = index.vars.get(b"ALL_NODES", b"") if kind in (NodeKind.JOB, NodeKind.SUBDAG) else b""
    assignments = [text_of(part) for part in (everyone, index.vars.get(key, b"")) if part]
    return Node(
        name=text_of(key),
        kind=kind,
        submit_file=text_of(file),
        line_no=line,
        directory=None if directory is None else text_of(directory),
        noop=noop,
        done=done or key in index.done,
        inline=None if inline is None else text_of(inline),
        pre=scripts[ScriptType.PRE],
        post=scripts[ScriptType.POST],
        hold=scripts[ScriptType.HOLD],
        retries=retries[0],
        unless_exit=retries[1],
        priority=index.priorities.get(key, kind),
        category=None if category is None else text_of(category),
        vars=tuple(pair for part in assignments for line_ in part.split("\n") for pair in pairs(line_)),
        abort_dag_on=index.aborts.get(key, kind),
        pre_skip=index.pre_skips.get(key, kind),
    )
