"""What a DAG means."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.model import block
from dag_rewriter.model.dag import Node, NodeKind, Script, parse_dag

DAG = b"""\
PARENT NODE CHILD a.b+c n\xc3\xa4me
JOB NODE 00/00/NODE.sub
SCRIPT POST NODE /opt/exitcode  -r $RETURN .//x.out
SCRIPT DEFER 1 5 PRE NODE pre.sh
RETRY NODE 3 UNLESS-EXIT 2
PRIORITY NODE 800
CATEGORY NODE Transfer
VARS NODE My.R="$(RETRY)"
VARS NODE b="2"
ABORT-DAG-ON NODE 3 RETURN 1
PRE_SKIP NODE 4
JOB a.b+c x.sub DIR d
job n\xc3\xa4me { executable=/bin/true
queue
} NOOP
SUBDAG EXTERNAL dagman_S /else/where/s.dag DIR /else/where
FINAL DONE f.sub
MAXJOBS Transfer 5
MAXJOBS transfer 6
JOBSTATE_LOG first.log
JOBSTATE_LOG second.log
CONFIG user.config
SOMETHING new
Node-Status-File s.txt
"""


def test_a_node_has_all_that_the_dag_says_about_it() -> None:
    node = parse_dag(DAG, "x.dag").nodes["NODE"]
    assert node == Node(
        name="NODE",
        kind=NodeKind.JOB,
        submit_file="00/00/NODE.sub",
        line_no=2,
        pre=Script("pre.sh", defer=(1, 5)),
        post=Script("/opt/exitcode", "-r $RETURN .//x.out"),
        retries=3,
        unless_exit=2,
        priority=800,
        category="Transfer",
        vars=(("My.R", "$(RETRY)"), ("b", "2")),
        abort_dag_on=(3, 1),
        pre_skip=4,
    )


def test_the_dag_as_a_whole() -> None:
    dag = parse_dag(DAG, "x.dag")
    assert list(dag.nodes) == ["NODE", "a.b+c", "näme", "dagman_S", "DONE"]
    assert [dag.nodes[name].kind for name in ("dagman_S", "DONE")] == [NodeKind.SUBDAG, NodeKind.FINAL]
    assert list(dag.edges) == [("NODE", "a.b+c"), ("NODE", "näme")]
    assert len(dag.edges) == 2
    assert dag.max_jobs == {"Transfer": 5, "transfer": 6}, "names are case-sensitive, as in DAGMan"
    assert (dag.jobstate_log, dag.config, dag.monitor) == ("first.log", "user.config", None)
    assert dag.other == ((23, "SOMETHING new"),)
    assert dag.unknown == ((23, "SOMETHING"),)
    files, descriptions, sub_dags, others = dag.uncategorised()
    names = list(dag.nodes)
    in_none = [*files.items(), *descriptions.items(), ("sub-DAGs", sub_dags), ("others", others)]
    assert [(key, [names[place] for place in places]) for key, places in in_none if places] == [
        (b"d/x.sub", ["a.b+c"]),
        (b"queue\n", ["näme"]),
        ("sub-DAGs", ["dagman_S"]),
    ]
    assert list(dag.submit_files()) == [
        ("NODE", "00/00/NODE.sub", False),
        ("a.b+c", "d/x.sub", True),
        ("DONE", "f.sub", True),
    ]


def test_all_nodes_counts_for_ordinary_nodes_and_the_later_line_wins() -> None:
    dag = parse_dag(
        b'JOB A a\nJOB B b\nSERVICE S s\nRETRY A 1\nretry all_nodes 2\nRETRY B 3\nVARS All_Nodes z="9"\n'
        b"CATEGORY ALL_NODES c\nPRIORITY ALL_NODES 7\n",
        "x.dag",
    )
    assert [dag.nodes[name].retries for name in "ABS"] == [2, 3, 0]
    assert [dag.nodes[name].category for name in "ABS"] == ["c", "c", None]
    assert dag.nodes["A"].vars == (("z", "9"),)
    assert not any(dag.uncategorised())
    assert dag.highest_priority() == 7


def test_named_descriptions_are_no_files() -> None:
    dag = parse_dag(
        b"JOB A common\nSUBMIT-DESCRIPTION common {\npriority = 3\n}\nJOB B b.sub\nJOB C c.sub DONE\n",
        "x.dag",
    )
    assert [path for _, path, _ in dag.submit_files()] == ["b.sub"]
    assert list(dag.inline_descriptions()) == [("A", b"priority = 3\n")]


def test_several_parents_and_children_give_every_edge() -> None:
    dag = parse_dag(b"JOB A a\nJOB B b\nJOB C c\nJOB D d\nPARENT A B CHILD C D\n", "x.dag")
    assert sorted(dag.edges) == [("A", "C"), ("A", "D"), ("B", "C"), ("B", "D")]
    assert len(dag.edges) == 4


def test_our_monitor_is_told_from_a_users_service() -> None:
    user = b"JOB A a\nSERVICE bridle_monitor own.sub\n"
    assert parse_dag(user, "x.dag").monitor is None
    assert (
        parse_dag(block.compose(user, ["SERVICE bridle_monitor_2 x.sub"]), "x.dag").monitor
        == "bridle_monitor_2"
    )


def test_bytes_that_are_no_utf8_stay_what_they_are() -> None:
    (name,) = parse_dag(b"JOB n\xe4me a.sub\n", "x.dag").nodes
    assert name.encode("utf-8", "surrogateescape") == b"n\xe4me"


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"JOB A a\nPARENT A CHILD B\n", 2, "no line defines the node B"),
        (b"JOB A a\nRETRY B 3\n", 2, "no line defines the node B"),
        (b"JOB A a\nDONE B\n", 2, "no line defines the node B"),
        (b"JOB A a\nJOB A b\n", 2, "node A is already defined in line 1"),
        (b"JOB A a\nPARENT A CHI", 2, "CHILD is missing"),
        (b"JOB A a\nPARENT A CHILD", 2, "no child"),
        (b"JOB A a\nRETRY A", 2, "something is missing"),
        (b"JOB A a\nPRIORITY A high\n", 2, "not a number"),
        (b"\n\nJOB A", 3, "its file is missing"),
        (b"JOB A {\nexecutable = x\n", 1, "has no end"),
        (b'JOB A a\nVARS A x="1" \\', 2, "backslash"),
        (b"JOB A a\nVARS A x", 2, "key=value"),
    ],
)
def test_what_dagman_would_refuse_is_named_with_its_line(data: bytes, line: int, what: str) -> None:
    with pytest.raises(DagSyntaxError) as error:
        parse_dag(data, "x.dag")
    assert error.value.where == f"x.dag:{line}"
    assert what in error.value.what


def test_splices_and_includes_may_define_names() -> None:
    dag = parse_dag(b"JOB A a\nSPLICE S s.dag\nPARENT A CHILD S\nRETRY S+X 2\n", "x.dag")
    assert (dag.splices, list(dag.edges), len(dag.edges)) == (("S",), [], 0)
    assert parse_dag(b"INCLUDE more.dag\nRETRY X 2\n", "x.dag").includes == ("more.dag",)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_dag_or_a_named_error(data: bytes) -> None:
    try:
        dag = parse_dag(data, "x.dag")
    except DagSyntaxError:
        return
    assert len([dag.nodes[name] for name in dag.nodes]) == len(dag.nodes)
    assert len(dag.unknown) <= len(dag.other)


@pytest.mark.parametrize(
    "settings", ["", "CATEGORY ALL_NODES x\n", "CATEGORY A x\nCATEGORY C y\nCATEGORY A y\n"]
)
def test_categories_are_counted_as_nodes_have_them(settings):
    text = f"JOB A a\nJOB B @=end\n x = 1\n@end\nSUBDAG EXTERNAL C c.dag\nFINAL F f\nSERVICE S s\n{settings}"
    dag = parse_dag(text.encode(), "x.dag")
    by_node = {name: node.category for name, node in dag.nodes.items()}
    assert dag.count_categories() == Counter(filter(None, by_node.values()))
    assert dag.count_categories(["A", "B", "nobody"]) == Counter(filter(None, (by_node["A"], by_node["B"])))
