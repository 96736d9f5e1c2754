"""Abstract workflows for tests: any that the builder can make, and the documents that are no workflow."""

from __future__ import annotations

from hypothesis import strategies as st

from planner_ext.abstract.workflow import Link, TaskKind, Use
from planner_ext.builder import Workflow

# What XML can hold, without the white space that no format keeps everywhere.
WORDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=12)
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
ODD_WORDS = st.sampled_from(
    ["'a b'", '"c"', "<x>", "&amp;", "]]>", "| cat", "$HOME", "#", "- a: b", "{", "*x"]
)
COMMANDS = st.lists(WORDS | ODD_WORDS, min_size=1).map(" ".join)
CONDITIONS = st.sampled_from(["never", "start", "success", "on_error", "at_end", "all"])
HOOKS = st.lists(st.tuples(CONDITIONS, COMMANDS), max_size=3)
NAMES = st.tuples(st.sampled_from(["", "ns::"]), WORDS, st.sampled_from(["", ":1.0"])).map("".join)
USES = st.builds(
    Use,
    WORDS,
    st.sampled_from(Link),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, "12"]),
    st.lists(st.tuples(WORDS, TEXTS), max_size=1).map(tuple),
)


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Anything that both formats can say."""
    workflow = Workflow(draw(WORDS)).metadata(draw(st.dictionaries(WORDS, TEXTS, max_size=2)))
    for on, command in draw(HOOKS):
        workflow.hook(on, command)
    for lfn, url, site in draw(st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=3)):
        workflow.file(lfn, url, site=site)
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        transformation = workflow.transformation(
            name, draw(WORDS), site=draw(WORDS), installed=draw(st.booleans())
        )
        transformation.requires(*draw(st.lists(NAMES, max_size=2)))
        transformation.metadata(draw(st.dictionaries(WORDS, TEXTS, max_size=1)))
        transformation.profile("env", draw(WORDS), draw(TEXTS))
        for on, command in draw(HOOKS):
            transformation.hook(on, command)
    _add_tasks(draw, workflow)
    return workflow


def _add_tasks(draw: st.DrawFn, workflow: Workflow) -> None:
    builders = []
    for _ in range(draw(st.integers(0, 4))):
        words, label = draw(st.lists(TEXTS, max_size=3)), draw(st.none() | TEXTS)
        kind = draw(st.sampled_from(TaskKind))
        if kind is TaskKind.JOB:
            task = workflow.job(draw(NAMES), *words, label=label)
        else:
            make = workflow.sub_dag if kind is TaskKind.DAG else workflow.sub_workflow
            task = make(draw(WORDS), *words, label=label)
        task.uses(*draw(st.lists(USES, max_size=3, unique_by=lambda use: (use.lfn, use.link))))
        task.streams(**draw(st.dictionaries(st.sampled_from(["stdin", "stdout", "stderr"]), WORDS)))
        task.metadata(draw(st.dictionaries(WORDS, TEXTS, max_size=2)))
        for key, value in draw(st.dictionaries(WORDS, TEXTS, max_size=2)).items():
            task.profile(draw(st.sampled_from(["pegasus", "condor", "env"])), key, value)
        for on, command in draw(HOOKS):
            task.hook(on, command)
        if builders:
            workflow.depend(task, *draw(st.lists(st.sampled_from(builders), max_size=2)))
        builders.append(task)
