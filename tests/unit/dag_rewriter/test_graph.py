"""The graph of a DAG, splices and includes put in."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dag_rewriter.cli.graph import graph
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.model.graph import UnknownNodeError, build_graph
from dag_rewriter.model.graph_draw import STATE_COLOURS, as_dot, as_svg
from dag_rewriter.model.layout import HEIGHT, Layout, lay_out
from dag_rewriter.model.splices import expand

SVG = "{http://www.w3.org/2000/svg}"
TEXTS = {
    "x.dag": b"INCLUDE i.inc\nSPLICE S s.dag DIR d\nSPLICE T d/s.dag\nJOB A a\nJOB B b\nPARENT A CHILD S\n"
    b"PARENT T B2 CHILD B\nJOB B2 b\nCONNECT S T\nPARENT I CHILD A\nFINAL F f\n",
    "i.inc": b"JOB I i\n",
    "d/s.dag": b"JOB P p\nJOB Q q\nPARENT P CHILD Q\nPIN_IN P 1\nPIN_OUT Q 1\nSERVICE X x\nSPLICE N n.dag\n",
    "d/n.dag": b"JOB Z z\nCATEGORY Z +all\n",
    "n.dag": b"JOB Z2 z\n",
}


def built(text: bytes):
    return build_graph(expand("x.dag", lambda _: text))


def test_splices_includes_and_pins_are_put_in():
    whole = expand("x.dag", TEXTS.__getitem__)
    assert {node.name for node in whole.nodes()} == {
        "I", "A", "B", "B2", "F", "S+P", "S+Q", "S+N+Z", "T+P", "T+Q", "T+N+Z2",
    }  # fmt: skip
    below = {"S+P": ["S+Q"], "S+Q": ["T+P"], "T+P": ["T+Q"], "I": ["A"], "A": ["S+N+Z", "S+P"]}
    above_b = [(name, "B") for name in ("B2", "T+N+Z2", "T+Q")]
    assert sorted(whole.edges()) == sorted([*((a, b) for a in below for b in below[a]), *above_b])
    assert next(node.category for node in whole.nodes() if node.name == "S+N+Z") == "+all"


def test_levels_ways_and_relatives():
    found = build_graph(expand("x.dag", TEXTS.__getitem__))
    assert "F" not in found
    assert found.critical_path() == ("I", "A", "S+P", "S+Q", "T+P", "T+Q", "B")
    assert [len(level) for level in found.levels()] == [3, 1, 2, 1, 1, 1, 1]
    assert set(found.ancestors(["T+P"])) == {"I", "A", "S+P", "S+Q"}
    assert found.descendants(["T+P", "B2"]) == ("B", "T+Q")
    assert set(found.roots()) == {"I", "B2", "T+N+Z2"}
    assert set(found.leaves()) == {"B", "S+N+Z"}


def test_a_cycle_is_named():
    found = built(b"JOB A a\nJOB B b\nJOB C c\nPARENT A CHILD B\nPARENT B CHILD C\nPARENT C CHILD B\n")
    with pytest.raises(DagSyntaxError, match="B -> C -> B"):
        found.levels()
    assert found.descendants(["A"]) == ("B", "C")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.permutations(range(10)))
def test_the_graph_is_what_networkx_makes_of_it(pairs, order):
    """Also which of several longest paths it is: the first in the order of the file."""
    edges = [(f"n{order[a]}", f"n{order[b]}") for a, b in pairs if a < b]
    names = [f"n{at}" for at in range(10)]
    lines = [*(f"JOB {name} a" for name in names), *(f"PARENT {a} CHILD {b}" for a, b in edges)]
    found = built("\n".join(lines).encode())
    known = nx.DiGraph({name: dict.fromkeys(b for a, b in edges if a == name) for name in names})
    assert (found.nodes, found.edges) == (tuple(known.nodes), tuple(known.edges))
    assert (len(found), found.edge_count) == (len(known), known.number_of_edges())
    assert found.critical_path() == tuple(nx.dag_longest_path(known, weight=None, default_weight=1))
    assert [list(level) for level in found.levels()] == list(nx.topological_generations(known))
    for name in names:
        assert set(found.ancestors([name])) == nx.ancestors(known, name)
        assert set(found.descendants([name])) == nx.descendants(known, name)
    assert found.roots() == tuple(name for name in names if not known.in_degree(name))
    assert found.leaves() == tuple(name for name in names if not known.out_degree(name))


def test_an_unknown_node_is_told_with_one_like_it():
    with pytest.raises(UnknownNodeError, match="did you mean WorkA"):
        built(b"JOB WorkA a\n").ancestors(["worka"])


@pytest.mark.parametrize("text", [b"INCLUDE x.dag\n", b"SPLICE S x.dag\n"])
def test_files_that_name_each_other_in_a_circle_are_refused(text):
    with pytest.raises(DagSyntaxError, match="circle"):
        expand("x.dag", lambda _: text)


def test_the_drawings_hold_any_name():
    ugly = "a&<b>\"c\"'d'"
    text = f"JOB {ugly} ä\nJOB c\\d x\nJOB n\udce4me x\nPARENT {ugly} CHILD c\\d\n"
    found = built(text.encode("utf-8", "surrogateescape"))
    picture = ET.fromstring(as_svg(found, ["c\\d"]))
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(map(str, texts)) == sorted([ugly, "c\\d", "n\ufffdme"])
    assert '"a&<b>\\"c\\"\'d\'" -> "c\\\\d";' in as_dot(found)


def crossed(layout: Layout) -> Iterator[tuple[tuple[str, str], str]]:
    """Edges whose line has a point inside the box of a node."""
    for edge, points in layout.lines.items():
        for (x1, y1), (x2, y2) in pairwise(points):
            for part in range(101):
                x, y = x1 + (x2 - x1) * part / 100, y1 + (y2 - y1) * part / 100
                for name, box in layout.boxes.items():
                    if box.left < x < box.left + box.width and box.top < y < box.top + HEIGHT:
                        yield edge, name


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
@settings(max_examples=30)
def test_no_edge_runs_through_a_box(pairs):
    edges = sorted((f"n{a}", f"n{b}") for a, b in pairs if a < b)
    text = "".join(f"JOB n{at} a\n" for at in range(10)) + "".join(
        f"PARENT {a} CHILD {b}\n" for a, b in edges
    )
    found = built(text.encode())
    layout = lay_out(found.levels(), found.edges, dict.fromkeys(found.nodes, 40.0))
    assert list(crossed(layout)) == []
    assert all(box.left > 0 and box.left + box.width < layout.width for box in layout.boxes.values())
    assert set(layout.lines) == set(edges)


def test_the_picture_has_a_colour_and_a_legend_for_each_state():
    picture = as_svg(built(b"JOB A a\nJOB B b\nPARENT A CHILD B\n"), ["A"], {"A": "done", "B": "failed"})
    root = ET.fromstring(picture)
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    fills = {one.attrib["id"]: one[1].attrib["fill"] for one in root.iter(f"{SVG}g")}
    assert fills == {"A": STATE_COLOURS["done"], "B": STATE_COLOURS["failed"]}
    assert [one.text for one in root.findall(f"{SVG}text")] == ["done", "failed"]


def test_the_picture_of_each_of_several_dags_has_the_states_of_its_nodes(tmp_path: Path):
    (tmp_path / "x.dag").write_text("JOB A a\n")
    (tmp_path / "y.dag").write_text("JOB A a\nJOB B b\n")
    (tmp_path / "x.dag.condor.sub").write_text('arguments = "-Dag x.dag -Dag y.dag"\n')
    (tmp_path / "x.dag_multi.rescue001").write_text("# Rescue DAG\nDONE 0.A\nDONE 1.B\n")
    drawn = CliRunner().invoke(graph, [str(tmp_path / "y.dag"), "--svg", "-"])
    fills = {one.attrib["id"]: one[1].attrib["fill"] for one in ET.fromstring(drawn.stdout).iter(f"{SVG}g")}
    assert fills == {"A": STATE_COLOURS["not started"], "B": STATE_COLOURS["done"]}


def test_the_command_draws_small_graphs_only(tmp_path: Path):
    dag = tmp_path / "x.dag"
    dag.write_text("JOB A a\nJOB B b\nPARENT A CHILD B\n")
    assert CliRunner().invoke(graph, [str(dag), "--levels"]).stdout == "1: A\n2: B\n"
    assert "critical path: A -> B" in CliRunner().invoke(graph, [str(dag)]).stdout
    drawn = CliRunner().invoke(graph, [str(dag), "--svg", str(tmp_path / "x.svg"), "--dot", "-"])
    assert '"A" -> "B";' in drawn.stdout
    assert (tmp_path / "x.svg").read_text().startswith("<svg ")
    refused = CliRunner().invoke(graph, [str(dag), "--svg", "-", "--limit", "1"])
    assert "2 nodes make no picture" in str(refused.exception)
