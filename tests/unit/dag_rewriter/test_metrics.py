"""What a DAG is made of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_templates.policy import JobFacts
from dag_rewriter.directory.submit_file import facts_of
from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.metrics.dag_metrics import (
    DagMetrics,
    MetricsError,
    class_name,
    dag_metrics,
    jobs_in,
    parse_metrics,
    render_metrics,
)
from dag_rewriter.metrics.planner_format import java_double, render_planner_metrics
from dag_rewriter.model.levels import level_sizes
from dag_rewriter.model.splices import ORDINARY, WholeDag, expand
from dag_rewriter.model.tally import tally_whole


def counted(texts: Mapping[str, bytes], facts: Mapping[str, JobFacts]) -> DagMetrics:
    whole = expand("x.dag", texts.__getitem__)
    counts = tally_whole(whole)
    return dag_metrics(whole, counts, jobs_in(counts, facts))


COUNTS = st.dictionaries(st.text(max_size=9), st.integers(0, 9), max_size=3)


@given(COUNTS, COUNTS, st.none() | st.lists(st.integers(1, 9)).map(tuple), st.integers(0, 99))
def test_the_json_form_has_an_inverse(kinds, categories, levels, nodes):
    metrics = DagMetrics(nodes=nodes, kinds=kinds, categories=categories, levels=levels)
    assert parse_metrics(render_metrics(metrics)) == metrics


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"nonsense", b'{"levels": 3}', b'{"kinds": [1]}', b'{"nodes": "x"}']
)
def test_what_cannot_be_read_is_said(data):
    with pytest.raises(MetricsError, match="bridle metrics"):
        parse_metrics(data)


def test_keys_of_a_newer_version_do_no_harm():
    value = DagMetrics(nodes=1).as_json() | {"of_tomorrow": 1}
    assert DagMetrics.from_json(json.loads(json.dumps(value))) == DagMetrics(nodes=1)


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_levels_are_those_of_networkx(drawn):
    count, edges = drawn
    graph = nx.DiGraph()
    graph.add_nodes_from(map(str, range(count)))
    graph.add_edges_from((str(a), str(b)) for a, b in edges)
    found = level_sizes(map(str, range(count)), [(str(a), str(b)) for a, b in edges])
    if nx.is_directed_acyclic_graph(graph):
        assert found == tuple(len(level) for level in nx.topological_generations(graph))
    else:
        assert found is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_java_s_floats_are_the_same_numbers(value):
    assert float(java_double(value)) == value


def test_json_is_written_as_gson_does():
    text = render_planner_metrics({"a": "x=<1>", "b": {"c": 1.5e9, "d": None}, "e": 3})
    assert (
        text == b'{\n  "a": "x\\u003d\\u003c1\\u003e",\n'
        b'  "b": {\n    "c": 1.5E9,\n    "d": null\n  },\n  "e": 3\n}\n\n'
    )


def test_splices_and_sub_dags_are_counted_and_the_monitor_is_not():
    texts = {
        "x.dag": b"SPLICE S s.dag\nJOB B b\nSUBDAG EXTERNAL D d.dag\nFINAL F f\nPARENT S CHILD B\nPARENT B CHILD D\n"
        b"# >>> bridle: begin of what bridle added\nSERVICE bridle_monitor m.sub\n# <<< bridle: end\n",
        "s.dag": b"JOB A a\nJOB C c\nCATEGORY A cat\n",
    }
    texts["x.dag"] = texts["x.dag"].replace(
        b"begin of what bridle added", b"begin of what bridle added; `bridle rewrite --undo` takes it away"
    )
    found = counted(texts, {"b": JobFacts("", 8, universe="local"), "a": JobFacts("", 1)})
    assert (found.nodes, found.splices, found.sub_workflows) == (5, 1, 1)
    assert found.levels == (2, 1, 1)
    assert (found.width, found.height) == (2, 3)
    assert found.job_classes == {"none": 2, "cleanup": 1, "compute": 1, "sub-dag": 1}
    assert found.categories == {"none": 4, "S+cat": 1}
    assert found.universes == {"unknown": 2, "local": 1, "scheduler": 1, "vanilla": 1}
    assert found.kinds == {"JOB": 3, "SUBDAG EXTERNAL": 1, "FINAL": 1}


def test_a_cycle_has_no_levels():
    text = b"JOB A a\nJOB B b\nPARENT A CHILD B\nPARENT B CHILD A\n"
    found = counted({"x.dag": text}, {})
    assert found.levels is None
    assert found.width is None
    assert parse_metrics(render_metrics(found)) == found
    assert replace(found, levels=()) != found


FACTS = {"a": JobFacts("", 8, universe="local"), "d/a": JobFacts("", 1), "s/a": JobFacts("", 2)}
MONITOR = b"""\
# >>> bridle: begin of what bridle added; `bridle rewrite --undo` takes it away
SERVICE bridle_monitor m.sub
CATEGORY bridle_monitor c
# <<< bridle: end
"""
names = st.sampled_from(["A", "B", "C", "D", "E"])
settings = st.one_of(
    st.builds("CATEGORY {} {}".format, names | st.just("ALL_NODES"), st.sampled_from(["c", "+c", "d"])),
    st.builds("PARENT {} {} CHILD {}".format, names, names, names | st.just("S")),
    st.builds("PARENT {} CHILD {}".format, names | st.just("S"), names),
    st.builds("DONE {}".format, names),
    st.sampled_from(["SERVICE V a", "FINAL F a", "FINAL F {\n+pegasus_job_class = 3\n}", "RETRY A 1"]),
)
ends = st.sampled_from(["", " DONE", " NOOP", " DIR d"])
files = st.sampled_from(["a", "b", "DESC"])
jobs = st.tuples(
    *(
        st.one_of(
            st.builds(f"JOB {name} {{}}{{}}".format, files, ends),
            st.just(f"JOB {name} {{\nuniverse = local\n}}"),
            st.just(f"SUBDAG EXTERNAL {name} a"),
        )
        for name in "ABCDE"
    )
).map(list)
texts = st.builds(
    lambda jobs, described, settings: "\n".join([*jobs, *described, *dict.fromkeys(settings), ""]),
    jobs,
    st.lists(st.just("SUBMIT-DESCRIPTION DESC {\n+pegasus_job_class = 5\n}"), max_size=1),
    st.lists(settings, max_size=8),
)


@given(texts, texts, st.booleans(), st.booleans())
def test_counts_are_those_of_the_nodes_one_by_one(root: str, splice: str, spliced: bool, ours: bool) -> None:
    top = (root + "SPLICE S s.dag DIR s\n" if spliced else root.replace(" S", " A")).encode()
    below = splice.replace(" S", " A").replace("FINAL F", "SERVICE W")
    found = {"x.dag": top + MONITOR * ours, "s/s.dag": below.encode()}
    try:
        whole = expand("x.dag", found.__getitem__)
    except DagSyntaxError:
        return
    assert counted(found, FACTS) == one_by_one(whole)


def one_by_one(whole: WholeDag) -> DagMetrics:
    """The metrics from one Node after the other."""
    kinds, classes, categories, universes = (Counter[str]() for _ in range(4))
    ordinary = []
    for part in whole.parts:
        facts = {part.prefix + n: FACTS.get(part.path(p)) for n, p, _ in part.dag.submit_files()}
        facts |= {part.prefix + n: facts_of("", text) for n, text in part.dag.inline_descriptions()}
        for node in part.nodes():
            if node.name == whole.monitor:
                continue
            ordinary += [node.name] if node.kind in ORDINARY else []
            job = facts.get(node.name) or JobFacts("", universe="unknown")
            if node.kind is NodeKind.SUBDAG:
                job = JobFacts("", 11, universe="scheduler")
            kinds[node.kind.value] += 1
            classes[class_name(job.job_class)] += 1
            categories[node.category or "none"] += 1
            universes[job.universe] += 1
    edges = set(whole.edges()) if whole.links else list(whole.edges())
    return DagMetrics(
        nodes=kinds.total(),
        edges=len(edges),
        kinds=kinds,
        job_classes=classes,
        categories=categories,
        universes=universes,
        levels=level_sizes(ordinary, edges),
        sub_workflows=classes["sub-dag"] + classes["sub-workflow"],
        splices=len(whole.parts) - 1,
    )
