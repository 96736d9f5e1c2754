"""Which node of a DAG is in which category, and how many nodes of each may be submitted at once, as DAGMan counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.language.text import show_bytes, text_of
from dag_rewriter.model.splices import Part, WholeDag


@dataclass(frozen=True, slots=True)
class NodeCategories:
    """Of one DAG, with all that it splices in; names as databases have them."""

    of: Mapping[str, str] = field(default_factory=dict)
    """node -> its category; nodes without one are left out"""
    limits: Mapping[str, int] = field(default_factory=dict)
    """category -> its limit; those without one are left out"""


def node_categories(submit_dir: SubmitDir) -> NodeCategories:
    """Of the DAG as it is now. Raises FileError, DagSyntaxError."""
    return categories_in(read_whole(submit_dir))


def categories_in(whole: WholeDag) -> NodeCategories:
    """The same of one that was read.

    >>> from dag_rewriter.model.splices import expand
    >>> texts = {"x.dag": b"SPLICE S s.dag\\nMAXJOBS +c 2\\n", "s.dag": b"JOB A a\\nJOB B a\\nCATEGORY A +c\\n"}
    >>> found = categories_in(expand("x.dag", texts.__getitem__))
    >>> found.of, found.limits
    ({'S+A': '+c'}, {'+c': 2})
    """
    return NodeCategories(
        {name: category for part in whole.parts for name, category in _in_part(part)},
        {
            show_bytes(part.category(name) or name): limit
            for part in whole.parts
            for name, limit in part.dag.max_jobs.items()
            if limit
        },
    )


def _in_part(part: Part) -> Iterator[tuple[str, str]]:
    index = part.dag.index
    chosen, names = index.categories()
    categories = ["", *(show_bytes(part.category(text_of(name)) or "") for name in names)]
    for name, number in zip(index.ordinals, chosen, strict=True):
        if number:
            yield show_bytes(part.prefix + text_of(name)), categories[number]
