"""Which nodes of a DAG go into which category, and what limit each category has from whom. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from types import MappingProxyType

from condor_templates.policy import (
    DEFAULT_CATEGORIES,
    PLANNER_LIMITS,
    CategoryPolicy,
    JobClass,
    JobFacts,
    Limit,
)
from dag_rewriter.language.commands import Category, Command, MaxJobs, Other
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import text_of
from dag_rewriter.model.dag import Dag, Uncategorised

SET_BY_COMMAND = "bridle categories --set"
_SETTING = re.compile(rb"^# bridle categories --set (\S+)=([0-9]{1,9}|unlimited)$", re.MULTILINE)
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True)
class CategoryRequest:
    """What the categories of a DAG depend on beside the DAG."""

    policy: CategoryPolicy = DEFAULT_CATEGORIES
    files: Mapping[str, JobFacts] = field(default_factory=lambda: MappingProxyType({}))
    """what submit files say, by path; more than Pegasus's job class only where that alone does not decide"""
    descriptions: Mapping[bytes, JobFacts] = field(default_factory=lambda: MappingProxyType({}))
    """what the submit descriptions say that stand in the DAG, as `uncategorised` has them"""
    uncategorised: Uncategorised | None = None
    """the nodes that are in no category, if somebody has looked for them"""


@dataclass(frozen=True, slots=True)
class CategoryState:
    """One category of a DAG as it will be: how many nodes, the limit, who says so."""

    name: str
    nodes: int
    limit: int | None
    source: str
    added: int = 0
    """how many of the nodes bridle puts into it"""
    in_dag: bool = False
    """whether the DAG's own MAXJOBS stands"""


SUB_DAG = JobFacts("", JobClass.SUB_DAG.value, universe="scheduler")
"""SUBDAG EXTERNAL has no submit file and is a class of its own."""
UNKNOWN = JobFacts("")
"""The submit file is not there yet."""


def assigned(dag: Dag, request: CategoryRequest) -> Iterator[tuple[str, str]]:
    """(node, category) of the nodes that are in none and that the policy puts into one."""
    # A million nodes may share a few submit files: the rules are asked once for each, not for each node.
    rules_for = cache(request.policy.rules_for)
    found = request.uncategorised or dag.uncategorised()
    files, descriptions = request.files, request.descriptions
    groups = (
        *((files.get(text_of(path), UNKNOWN), places) for path, places in found.files.items()),
        *((descriptions.get(text, UNKNOWN), places) for text, places in found.descriptions.items()),
        (SUB_DAG, found.sub_dags),
        (UNKNOWN, found.others),
    )
    fitting = [(rules, place) for facts, places in groups if (rules := rules_for(facts)) for place in places]
    names = list(dag.nodes) if fitting else []
    for rules, place in sorted(fitting, key=itemgetter(1)):
        for rule in rules:
            if rule.fits_name(names[place]):
                yield names[place], rule.category
                break


def limit_in_force(dag: Dag, policy: CategoryPolicy, category: str) -> tuple[Limit, bool]:
    """The limit of a category, and whether it is the one that stands in the DAG already."""
    forced = policy.forced.get(category)
    if forced is not None:
        return forced, False
    stands = dag.max_jobs.get(category)
    if stands is None:
        return policy.limit_of(category) or Limit(None, "nobody"), False
    wanted = policy.properties.get(category)
    if wanted is not None and wanted.number == stands:
        return Limit(stands, wanted.source), True
    by_planner = wanted is None and PLANNER_LIMITS.get(category) == stands
    if by_planner and category in policy.planner_limits:
        return policy.planner_limits[category], False
    return Limit(stands, "the planner's default" if by_planner else f"MAXJOBS in {_name(dag)}"), True


def _name(dag: Dag) -> str:
    return dag.source.rpartition("/")[2]


def categories_of(dag: Dag, request: CategoryRequest) -> tuple[CategoryState, ...]:
    """All categories that have a node or a limit, as they will be, by name. `dag` is without our block."""
    added = Counter(category for _, category in assigned(dag, request))
    nodes = dag.count_categories() + added
    names = {*nodes, *dag.max_jobs, *request.policy.forced}
    states = []
    for name in sorted(names):
        limit, in_dag = limit_in_force(dag, request.policy, name)
        states.append(CategoryState(name, nodes[name], limit.number, limit.source, added[name], in_dag))
    return tuple(states)


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """The lines for the block, and the categories whose MAXJOBS lines in the DAG go out of use."""

    added: tuple[Command, ...]
    replaced: frozenset[str]


def changes_for(dag: Dag, request: CategoryRequest) -> CategoryChange:
    """Categories for nodes that have none, limits for categories that have none, and what was set by command."""
    policy = request.policy
    nodes = [Category(name, category) for name, category in assigned(dag, request)]
    used = dag.used_categories() | {command.category for command in nodes}
    settings, limits, replaced = [], [], set()
    for category, limit in policy.forced.items():
        word = UNLIMITED if limit.number is None else limit.number
        settings.append(Other(f"# {SET_BY_COMMAND} {category}={word}"))
    order = dict.fromkeys([*policy.forced, *policy.properties, *policy.limits, *policy.planner_limits])
    for category in order:
        if category not in used and category not in dag.max_jobs and category not in policy.forced:
            continue
        limit, stands = limit_in_force(dag, policy, category)
        if stands:
            continue
        if category in dag.max_jobs:
            replaced.add(category)
        if limit.number is not None:
            limits.append(MaxJobs(category, limit.number))
    return CategoryChange((*settings, *limits, *nodes), frozenset(replaced))


def lines_of_limits(data: bytes, categories: frozenset[str]) -> tuple[int, ...]:
    """The line numbers of the MAXJOBS commands of some categories.

    >>> lines_of_limits(b"JOB A a.sub\\nMaxJobs cleanup 4\\nMAXJOBS other 1\\n", frozenset({"cleanup"}))
    (2,)
    """
    if not categories:
        return ()
    numbers = []
    for line, _last, text, _body, _problem in statements(data):
        words = text.split()
        if len(words) > 1 and keyword(words[0]) == b"MAXJOBS" and text_of(words[1]) in categories:
            numbers.append(line)
    return tuple(numbers)


def settings_in(block: bytes | None) -> dict[str, Limit]:
    """What `bridle categories --set` left in our block: it holds until the block goes.

    >>> settings_in(b"# bridle categories --set cleanup=10\\nMAXJOBS cleanup 10\\n")["cleanup"].number
    10
    """
    settings = _SETTING.findall(block or b"")
    return {
        text_of(name): Limit(None if value == UNLIMITED.encode() else int(value), SET_BY_COMMAND)
        for name, value in settings
    }
