"""What is drawn of a graph."""

from __future__ import annotations

from monitord_job.plots.graph_data import MOST_LEVELS, MOST_NODES, Node, graph


def test_a_small_graph_is_drawn_as_it_is() -> None:
    nodes = {"a": Node("x", "done"), "b": Node("x", "failed")}
    found = graph(nodes, [("a", "b"), ("a", "b"), ("a", "nobody")])
    assert (found.levels, found.edges, found.is_collapsed) == ((("a",), ("b",)), (("a", "b"),), False)
    assert [(one.label, one.states) for one in found.nodes.values()] == [
        ("a", {"done": 1}),
        ("b", {"failed": 1}),
    ]


def test_of_a_large_graph_the_nodes_of_a_kind_in_a_level_are_one() -> None:
    count = MOST_NODES
    nodes = {"first": Node("stage", "done")}
    nodes |= {
        f"n{at}": Node("work" if at % 2 else "other", "done" if at % 3 else "failed") for at in range(count)
    }
    edges = [("first", f"n{at}") for at in range(count)] + [("n0", "n1")]
    found = graph(nodes, edges)
    assert found.is_collapsed
    assert [[found.nodes[key].label for key in level] for level in found.levels] == [
        ["stage"], ["other", "work"], ["work"],
    ]  # fmt: skip
    assert sum(one.count for one in found.nodes.values()) == len(nodes)
    assert sum(one.states.get("failed", 0) for one in found.nodes.values()) == count // 3
    assert len(found.edges) == 4


def test_a_wide_graph_is_a_large_one() -> None:
    assert graph({f"n{at}": Node("work", "done") for at in range(30)}, []).is_collapsed


def test_of_a_deep_graph_several_levels_are_one_row() -> None:
    deep = 10 * MOST_LEVELS
    nodes = {f"n{at}": Node("work", "done") for at in range(deep)}
    found = graph(nodes, [(f"n{at}", f"n{at + 1}") for at in range(deep - 1)])
    assert (len(found.levels), found.levels_a_row, len(found.edges)) == (MOST_LEVELS, 10, MOST_LEVELS - 1)
    assert {one.count for one in found.nodes.values()} == {10}
