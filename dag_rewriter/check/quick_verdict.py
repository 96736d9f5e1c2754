"""Whether a DAG that was parsed already is good for certain: without a second reading, which for a million nodes takes
longer than all of a rewrite.

Knows the commands that planners write. Where it cannot tell, the whole check decides, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import product

from dag_rewriter.check.dependency_graph import never_ready
from dag_rewriter.check.pass_two_nodes import is_everyone
from dag_rewriter.check.scope import join
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.language.text import text_of
from dag_rewriter.model.dag import Dag
from dag_rewriter.model.index import Index
from dag_rewriter.model.splices import MONITOR, Part, WholeDag
from dag_rewriter.rescue.rescue_dag import JOIN_NODE, RescueFile, is_whole_dag

_HARMLESS = {
    b"MAXJOBS",
    b"JOBSTATE_LOG",
    b"DOT",
    b"NODE_STATUS_FILE",
    b"SET_JOB_ATTR",
    b"SUBMIT_DESCRIPTION",
    b"SPLICE",
}
"""Commands about no node of which DAGMan asks no more than their form, which the parser has seen."""
_SUBMIT = b".condor.sub"


def is_surely_good(
    dag: Dag, whole: WholeDag, exists: Callable[[str], bool], rescue: RescueFile | None = None
) -> bool:
    """Whether no line of the DAG, nor of the rescue DAG that would be taken, can be an error of `bridle check`.

    False is no verdict. The submit files of nodes were looked for by whoever has parsed the DAG; `whole` is the same
    with its splices, `exists` tells of paths from where DAGMan runs.
    """
    index = dag.index
    return (
        bool(index.ordinals or len(whole.parts) > 1)
        and _is_good(dag, _HARMLESS | {b"CONFIG"}, (NodeKind.JOB, NodeKind.SUBDAG))
        and len(dag.config_lines) <= 1
        and (dag.config is None or exists(dag.config))
        and all(exists(join(*where)) for where in sub_dags_of(dag))
        and (rescue is None or (len(whole.parts) == 1 and _fits(index, rescue)))
        and _are_good(whole.parts[1:], exists)
    )


def _is_good(dag: Dag, harmless: set[bytes], kinds: Container[NodeKind]) -> bool:
    """Whether all is well with a file as far as that can be told of it alone."""
    index = dag.index
    return (
        not index.other
        and harmless.issuperset(index.lines)
        and _names_are_good(index)
        and all(kind in kinds for kind in map(index.kind_of, index.special))
        and _all_get_ready(dag)
    )


def _are_good(splices: Sequence[Part], exists: Callable[[str], bool]) -> bool:
    """Whether all is well with files that are spliced in. Those that are used several times are looked at once."""
    files = {(id(part.dag), part.directory): part for part in splices}.values()
    dags = {id(part.dag): part.dag for part in files}.values()
    return (
        not any(part.has_includes for part in files)
        and all(dag.index.nodes or dag.splices for dag in dags)
        and all(_is_good(dag, _HARMLESS, (NodeKind.JOB,)) for dag in dags)
        and all(exists(part.directory or ".") for part in files)
        and all(map(exists, {part.path(path) for part in files for path in part.dag.submit_paths()}))
    )


def _all_get_ready(dag: Dag) -> bool:
    """Whether there is no cycle in a file, each of its splices taken for one node; and whether their names are free."""
    index = dag.index
    if b"SPLICE" not in index.lines:
        return not index.groups and not never_ready(len(index.ordinals), index.parents, index.children)
    splices = [fields[0] for _, fields in index.all(b"SPLICE")]
    places = {name: number for number, name in enumerate(splices, len(index.ordinals))}
    if len(places) < len(splices) or not places.keys().isdisjoint(index.ordinals) or index.elsewhere:
        return False
    places |= index.ordinals
    parents, children = index.parents[:], index.children[:]
    for above, below, _ in index.groups:
        if not places.keys() >= {*above, *below}:
            return False  # a node in a splice, of which nothing is known here
        for parent, child in product(above, below):
            parents.append(places[parent])
            children.append(places[child])
    return not never_ready(len(places), parents, children)


def sub_dags_of(dag: Dag) -> Iterator[tuple[str, str]]:
    """(directory, DAG file) of the sub-workflows that no PRE script plans and that are not done."""
    index = dag.index
    for place in index.special:
        if index.kind_of(place) is not NodeKind.SUBDAG:
            continue
        kind, name, file, directory, _, done, _ = index.fields_of(place, b"")
        if done or name in index.done:
            continue
        if index.table(b"PRE").get(place, kind) is None:
            yield text_of(directory or b""), text_of(file)


def _names_are_good(index: Index) -> bool:
    """No + in a name, no DAG's submit file as an ordinary node's, no DONE for all."""
    if b"+" in b"\0".join(index.ordinals) or any(map(is_everyone, index.done)):
        return False
    if _SUBMIT not in index.data:
        return True
    nodes = (fields for fields in index.nodes if fields is not None)
    plain = (fields if isinstance(fields, bytes) else fields[3] for fields in nodes)
    return not any(file.endswith(_SUBMIT) for file in plain)


def _fits(index: Index, rescue: RescueFile) -> bool:
    """Whether a rescue DAG says no more than DONE of nodes that are there."""
    if is_whole_dag(rescue.text):
        return True  # DAGMan takes it instead of the DAG, and check says nothing of it
    ours = (JOIN_NODE.encode(), MONITOR.encode())
    for line in rescue.content.split(b"\n"):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        if len(words) != 2 or words[0] != b"DONE":
            return False
        if words[1] not in index.ordinals and not words[1].startswith(ours):
            return False
    return True
