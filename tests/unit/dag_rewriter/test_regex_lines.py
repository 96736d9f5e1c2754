"""What is read in bulk means what it means line by line; no bytes whatever are lost or make a traceback."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.check.check_dag import check_dag
from dag_rewriter.directory.submit_file import class_and_priority, facts_of
from dag_rewriter.directory.submit_files import telling_of
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.chunks import pieces
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.syntax import parse, render, render_command
from dag_rewriter.model import block
from dag_rewriter.model.dag import Dag, Node, Work
from dag_rewriter.model.indexing import build_index
from dag_rewriter.model.splices import Part, WholeDag
from dag_rewriter.model.tally import levels_of, tally
from dag_rewriter.model.telling import alike
from tests.unit.dag_rewriter.test_syntax import commands

PLANNED = b"""\
######################################################################
# PEGASUS WMS GENERATED DAG FILE
######################################################################
MAXJOBS cleanup 4

JOB create_dir_0 00/00/create_dir_0.sub
SCRIPT POST create_dir_0 /opt/pegasus-exitcode  -r $RETURN -s a=b "x  y"
PRIORITY create_dir_0 800
RETRY create_dir_0 1
VARS create_dir_0 My.DAGNodeRetry="$(RETRY)"

JOB n\xc3\xa4me_1 00/00/n.sub
SCRIPT PRE n\xc3\xa4me_1 pre.sh
CATEGORY n\xc3\xa4me_1 cleanup
VARS n\xc3\xa4me_1 a="1" b="x y"
VARS n\xc3\xa4me_1 c="3"
RETRY n\xc3\xa4me_1 2
RETRY n\xc3\xa4me_1 3

PARENT  create_dir_0 CHILD n\xc3\xa4me_1
PARENT n\xc3\xa4me_1 CHILD last
JOB last 00/00/n.sub
FINAL F f.sub
"""

words = st.sampled_from(["A", "B", "n\u00e4", "ALL_NODES", "all_nodes"])
nodes = st.sampled_from(["A", "B", "n\u00e4", "A"])
body_lines = st.sampled_from(
    [
        *(
            "  executable = /bin/true",
            "  a = b \\",
            "arguments = 1",
            "",
            "  # note",
            "PRIORITY A 3",
            "JOB E e.sub",
        ),
        *(
            "  +x = @END",
            "    Deeper = 1",
            "  queue ",
            "  }",
            "@END DIR d",
            "  RETRY A 1",
            "\t+tab = {",
            "JOB = x",
        ),
    ]
)
described = st.builds(
    lambda name, ends, body: "\n".join([f"JOB {name} {ends[0]}", *body, ends[1]]),
    st.sampled_from(["D", "E", "G", "H", "I", "K", "L"]),
    st.sampled_from(
        [("{", "}"), ("@=END", "@END"), ("@=x", "  @x"), ("@=END", "@END NOOP"), ("@=END", "@ENDE")]
    ),
    st.lists(st.sampled_from(["  executable = /bin/true", "  priority = 3"]), min_size=1, max_size=2)
    | st.lists(body_lines, max_size=3),
)
lines = st.one_of(
    described,
    st.builds("JOB {} {}.sub".format, st.sampled_from(["D", "E", "G", "H"]), words),
    st.builds("RETRY {} {}".format, words, st.integers(0, 3)),
    st.builds("PRIORITY {} {}".format, words, st.integers(-3, 3)),
    st.builds("CATEGORY {} {}".format, words, words),
    st.builds('VARS {} a="{}"'.format, words, st.integers(0, 3)),
    st.builds("SCRIPT {} {} run {}".format, st.sampled_from(["PRE", "POST"]), words, words),
    st.builds("PARENT {} CHILD {}".format, nodes, nodes),
    st.builds("retry {} {}".format, words, st.integers(0, 3)),
    st.builds("PARENT {} {} CHILD {}".format, nodes, nodes, nodes),
    st.sampled_from(["", "# note", "FINAL F f.sub", "SERVICE S s.sub", "JOB I {\nqueue\n}", "DONE A \\\n"]),
)
named = "JOB A a.sub\nJOB B b.sub\nJOB n\u00e4 a.sub"
dags = st.builds(
    lambda before, after: "\n".join([*before, named, *after]).encode(),
    st.lists(lines, max_size=12),
    st.lists(lines, max_size=12),
)


class NoFiles:
    """A disk with nothing on it but the DAG."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, path: str) -> bytes | None:
        return self.data if path == "x.dag" else None

    def exists(self, path: str) -> bool:
        return bool(path)

    def identity(self, path: str) -> str:
        return path


def meaning(data: bytes, size: int) -> object:
    try:
        dag = Dag(build_index(data, "x.dag", size), "x.dag")
    except DagSyntaxError as error:
        return type(error)
    nodes: dict[str, Node] = {name: dag.nodes[name] for name in dag.nodes}
    counts = Counter(dag.edges), dag.used_categories(), dag.uncategorised(), dag.highest_priority()
    files = sorted(dag.submit_files()), dag.submit_paths()
    return (
        nodes,
        counts,
        files,
        tally(dag),
        levels_of(WholeDag((Part("", "", dag),))),
        dag.other,
        dag.max_jobs,
    )


def slow(data: bytes) -> bytes:
    """With a comment at the end that only the lexer knows: as one piece it is not bulk."""
    return data + b"\n// slow"


@given(dags, st.integers(1, 200))
def test_bulk_is_read_as_line_by_line(data: bytes, size: int) -> None:
    assert meaning(data, size) == meaning(slow(data), len(data) + 20)


extras = st.sampled_from(
    [
        "SCRIPT PRE ALL_NODES p.sh 1",
        "SCRIPT DEFER 4 9 POST A q.sh",
        "RETRY ALL_NODES 2 UNLESS-EXIT 3",
        "RETRY A 1 UNLESS-EXIT 0",
        "ABORT-DAG-ON B 7 RETURN 0",
        "PRE_SKIP A 5",
        "PRE_SKIP ALL_NODES 6",
        "SUBDAG EXTERNAL D d.dag DIR d",
        "JOB E e.sub DIR sub NOOP",
    ]
)


@given(dags, st.lists(extras, unique=True), st.integers(1, 200))
def test_the_works_of_all_nodes_are_what_each_node_says(data: bytes, more: list[str], size: int) -> None:
    try:
        dag = Dag(build_index("\n".join([data.decode(), *more]).encode(), "x.dag", size), "x.dag")
    except DagSyntaxError:
        return  # SUBDAG and JOB lines of a name that is taken
    part = Part("S+", "", dag)
    found = {work.name: work for work in part.works()}
    assert list(found) == [node.name for node in part.nodes()]
    for node in part.nodes():
        work = found[node.name]
        pre, post = (s and (s.executable, s.arguments) for s in (node.pre, node.post))
        assert (work.pre, work.post) == (pre, post)
        assert work.pre_deferred == (node.pre is not None and node.pre.defer is not None)
        alike = [name for name in Work._fields if name not in ("pre", "post", "pre_deferred")]
        assert [getattr(work, name) for name in alike] == [getattr(node, name) for name in alike]


@given(dags, st.integers(1, 200))
def test_a_check_finds_the_same_in_bulk(data: bytes, size: int) -> None:
    found = check_dag("x.dag", NoFiles(data)).findings
    assert found == check_dag("x.dag", NoFiles(slow(data))).findings


@given(dags | st.binary(max_size=300), st.integers(1, 100))
def test_pieces_are_the_whole_file_in_order(data: bytes, size: int) -> None:
    found = list(pieces(data, size))
    assert b"".join(data[piece.start : piece.stop] for piece in found) == data
    assert [piece.line for piece in found] == [data.count(b"\n", 0, piece.start) + 1 for piece in found]
    once = [s for piece in found for s in piece.statements()]
    assert once == [s for piece in pieces(data, len(data) + 1) for s in piece.statements()]


def test_a_planners_dag_is_bulk() -> None:
    """Otherwise all of it is right and nothing of it fast."""
    found = [piece.bulk is not None for piece in pieces(PLANNED, 64)]
    assert found.count(False) <= 2, "MAXJOBS, FINAL"
    node = Dag(build_index(PLANNED, "x.dag", 64), "x.dag").nodes["näme_1"]
    assert (node.kind, node.line_no, node.retries, node.category) == (NodeKind.JOB, 12, 3, "cleanup")
    assert node.vars == (("a", "1"), ("b", "x y"), ("c", "3"))


@pytest.mark.parametrize("ends", [("{", "}"), ("@=END", "@END")])
@pytest.mark.parametrize("indent", ["", "  ", "\t"])
def test_descriptions_in_the_dag_are_bulk(ends: tuple[str, str], indent: str) -> None:
    node = "JOB A{0} {1}\n{3}executable = /bin/true\n{3}arguments = {0}\n{2}\nRETRY A{0} 3\n"
    data = "".join(node.format(number, *ends, indent) for number in range(100)).encode()
    found = list(pieces(data, 256))
    assert all(piece.bulk is not None for piece in found), found
    assert len(found) > 20, "one of them would prove nothing"
    dag = Dag(build_index(data, "x.dag", 256), "x.dag")
    assert dag.nodes["A41"].inline == "executable = /bin/true\narguments = 41\n"
    assert (dag.nodes["A41"].line_no, dag.nodes["A41"].retries) == (41 * 5 + 1, 3)


telling = st.sampled_from(
    [
        "universe = local",
        *("priority = 3", "priority = 5", "Priority=-7", "PRIORITY = $(n)", "", "# priority = 9"),
        "+pegasus_job_class = 8",
        'MY.Pegasus_Site = "here"',
        "arguments = priority = 1",
        "job = 4",
        "executable = a \\\\",
    ]
)
several = st.tuples(st.sampled_from(["", " ", "\t"]), st.lists(telling, min_size=1, max_size=3))


@given(st.lists(several, min_size=1, max_size=3), st.integers(1, 9), st.sampled_from([64, 1 << 16]))
def test_what_many_descriptions_tell_is_what_each_of_them_tells(
    bodies: list[tuple[str, list[str]]], times: int, size: int
) -> None:
    nodes = [
        f"JOB A{number} @=END\n" + "".join(f"{indent}{line}\n" for line in body) + "@END\n"
        for number, (indent, body) in enumerate(bodies * times)
    ]
    dag = Dag(build_index("".join(nodes).encode(), "x.dag", size), "x.dag")
    told = telling_of(dag)
    found = {
        place: (facts_of("", lines), class_and_priority(lines)[0])
        for lines, places in alike(dag.index, told)
        for place in places
    } | dict.fromkeys(dag.index.word_by_word)
    assert len(found) == len(nodes)
    texts = [text for _, text in dag.inline_descriptions()]
    for place, text in enumerate(texts):
        assert found[place] in (None, (facts_of("", text), class_and_priority(text)[0]))
    priorities = [{class_and_priority(text)[1] for text in given} for given in (texts, told.lines())]
    assert (None in priorities[0]) == (None in priorities[1])
    highest = [max((each for each in given if each is not None), default=0) for given in priorities]
    assert highest[0] == highest[1]
    assert tally(dag, telling=told).kinds == tally(dag).kinds
    apart = tally(dag, without=["A0"], telling=told).descriptions.total()
    assert apart == tally(dag, without=["A0"]).descriptions.total() == len(nodes) - 1


def test_an_include_may_define_the_nodes_of_bulk_lines() -> None:
    data = b"JOB A a\nCATEGORY A c\nCATEGORY B d\nRETRY B 1\nPARENT A CHILD B\n"
    dag = Dag(build_index(data + b"INCLUDE other.dag\n", "x.dag", len(data) - 1), "x.dag")
    assert not any(dag.uncategorised())
    assert dag.used_categories() == {"c", "d"}
    assert tally(dag).categories == {"c": 1}


def mutated(data: bytes, random_: random.Random) -> bytes:
    """Cut, doubled, spliced, NULs, latin-1, a very long line."""
    at, to = sorted(random_.randrange(len(data) + 1) for _ in range(2))
    odd = random_.choice(
        [b"\0", b"\xe4", b"\\\n", b"\r", b'"', b"{", b"\xff" * 1000, b"x" * 1_000_000, b"ALL_NODES"]
    )
    return random_.choice(
        [
            data[:at],
            data[:at] + data[to:],
            data[:to] + data[at:],
            data[:at] + odd + data[at:],
            data[to:] + data[:at],
        ]
    )


@pytest.mark.parametrize("seed", range(300))
def test_a_mutated_dag_is_refused_or_read_and_no_byte_is_lost(seed: int) -> None:
    random_ = random.Random(seed)
    data = PLANNED
    for _ in range(random_.randrange(1, 4)):
        data = mutated(data, random_)
    assert render(parse(data)) == data
    meaning(data, random_.choice([16, 100, 1 << 16]))
    check_dag("x.dag", NoFiles(data))
    assert block.split(block.compose(data, ["CONFIG b"])).original == data


@given(st.lists(commands, max_size=20), st.binary(max_size=20), st.integers(0, 10_000))
def test_a_dag_of_all_commands_with_odd_bytes_in_it(found: list, odd: bytes, at: int) -> None:
    data = "\n".join(render_command(command) for command in found).encode("utf-8", "surrogateescape")
    data = data[:at] + odd + data[at:]
    assert render(parse(data)) == data
    assert meaning(data, 32) == meaning(slow(data), len(data) + 20)
    check_dag("x.dag", NoFiles(data))
