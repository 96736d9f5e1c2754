"""What holds unless the user or the planner says otherwise: who is in which category, how many of a category run
at once, and what the monitor is to DAGMan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple


class JobClass(Enum):
    """Pegasus's +pegasus_job_class (Job.java of the planner), as far as a category depends on it."""

    COMPUTE = 1
    STAGE_IN = 2
    STAGE_OUT = 3
    REGISTRATION = 4
    INTER_SITE = 5
    CREATE_DIR = 6
    STAGE_IN_WORKER = 7
    CLEANUP = 8
    CHMOD = 9
    SUB_WORKFLOW = 10  # planned in its PRE script
    SUB_DAG = 11


class JobFacts(NamedTuple):
    """What a rule may ask about a node; all but the name come from its submit file."""

    node: str
    job_class: int | None = None
    transformation: str | None = None
    site: str | None = None
    universe: str = "vanilla"


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """Puts the nodes that fit into a category. What is given must fit, of each any one; patterns as in a shell."""

    category: str
    job_class: tuple[int | None, ...] = ()
    """None: the submit file names no class"""
    transformation: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    universe: tuple[str, ...] = ()
    node: tuple[str, ...] = ()

    def fits(self, facts: JobFacts) -> bool:
        """Whether the rule is about this node.

        >>> CategoryRule("gpu", transformation=("ns::*",)).fits(JobFacts("a", transformation="ns::train"))
        True
        """
        return self.fits_description(facts) and self.fits_name(facts.node)

    def fits_description(self, facts: JobFacts) -> bool:
        """Whether the rule is about nodes with this submit description, as far as their names go along with it."""
        if self.job_class and facts.job_class not in self.job_class:
            return False
        return (
            _fits(self.transformation, facts.transformation)
            and _fits(self.site, facts.site)
            and _fits(self.universe, facts.universe)
        )

    def fits_name(self, node: str) -> bool:
        """Whether the rule is about a node of this name."""
        return _fits(self.node, node)

    @property
    def by_class_alone(self) -> bool:
        """Whether the job class decides, so that no more of the submit file need be known."""
        return bool(self.job_class) and not (self.transformation or self.site or self.universe or self.node)


def _fits(patterns: tuple[str, ...], value: str | None) -> bool:
    if not patterns:
        return True
    return value is not None and any(fnmatchcase(value, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many nodes of a category may be submitted at once (None: any number), and who says so."""

    number: int | None
    source: str


BUILT_IN = "bridle's default"

CLEANUP = "cleanup"
SUB_WORKFLOW = "subwf"
STAGE_IN = "stagein"
STAGE_OUT = "stageout"
INTER_SITE = "stageinter"
REGISTRATION = "registration"
CREATE_DIR = "createdir"
"""All but the last as the planner calls them; category names are case-sensitive to DAGMan."""

PLANNER_LIMITS: Mapping[str, int] = MappingProxyType(
    {STAGE_IN: 10, STAGE_OUT: 10, CLEANUP: 4, REGISTRATION: 1}
)
"""What the planner writes when nobody says anything (defaultMaxJobsCategoryValues; ReplicaCatalogBridge)."""

DEFAULT_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        # The planner's own number for its clean_up_ nodes; the final cleanup_ nodes join them.
        CLEANUP: 4,
        # Each sub-workflow is one more DAGMan on the access point (95 MB at 100,000 nodes), and before that a planner
        # (a Java process) in its PRE script. The planner names the category and gives it no limit, so a hundred could
        # start at once; 10 is what it allows for its other jobs that load the access point.
        SUB_WORKFLOW: 10,
        STAGE_IN: 10,
        STAGE_OUT: 10,
        # As the other transfers; the planner names the category and gives it no limit.
        INTER_SITE: 10,
        # The catalog is one SQLite file by default: more than one writer only wait for each other.
        REGISTRATION: 1,
        # One for each site; they begin the workflow, so the limit holds back only the widest of site lists.
        CREATE_DIR: 10,
    }
)

DEFAULT_RULES = (
    CategoryRule(CLEANUP, (JobClass.CLEANUP.value,)),
    CategoryRule(SUB_WORKFLOW, (JobClass.SUB_WORKFLOW.value, JobClass.SUB_DAG.value)),
    CategoryRule(STAGE_IN, (JobClass.STAGE_IN.value, JobClass.STAGE_IN_WORKER.value)),
    CategoryRule(STAGE_OUT, (JobClass.STAGE_OUT.value,)),
    CategoryRule(INTER_SITE, (JobClass.INTER_SITE.value,)),
    CategoryRule(REGISTRATION, (JobClass.REGISTRATION.value,)),
    CategoryRule(CREATE_DIR, (JobClass.CREATE_DIR.value,)),
    # Without a class, pegasus::transfer may be in, out or between, and nobody can say.
    CategoryRule(CLEANUP, (None,), transformation=("pegasus::cleanup",)),
    CategoryRule(SUB_WORKFLOW, (None,), transformation=("condor::dagman",)),
    CategoryRule(REGISTRATION, (None,), transformation=("pegasus::rc-client",)),
    CategoryRule(CREATE_DIR, (None,), transformation=("pegasus::dirmanager",)),
)
"""By what the submit file says, never by a node's name: a user's transformation may be called cleanup, too."""


@dataclass(frozen=True, slots=True)
class CategoryPolicy:
    """Which nodes go into which category, and how many of a category run at once. One layer, or all of them."""

    rules: tuple[CategoryRule, ...] = ()
    """the first that fits counts, and only for nodes that are in no category"""
    limits: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    """for categories that have no MAXJOBS in the DAG"""
    planner_limits: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    """instead of a MAXJOBS that the planner wrote because nobody had said anything"""
    properties: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    """dagman.<category>.maxjobs of Pegasus: somebody has said something"""
    forced: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    """from the command line: whatever the DAG says"""

    def category_of(self, facts: JobFacts) -> str | None:
        """The category for a node; None: none.

        >>> [DEFAULT_CATEGORIES.category_of(JobFacts("n", job_class)) for job_class in (8, 1, None)]
        ['cleanup', None, None]
        """
        return next((rule.category for rule in self.rules if rule.fits(facts)), None)

    def rules_for(self, facts: JobFacts) -> tuple[CategoryRule, ...]:
        """The rules of which the first that fits a node's name counts, for all nodes with this submit description."""
        rules = []
        for rule in self.rules:
            if rule.fits_description(facts):
                rules.append(rule)
                if not rule.node:
                    break
        return tuple(rules)

    def decided_by_class(self, job_class: int | None) -> bool:
        """Whether the class alone says in which category a node is, so that no more need be known of it.

        >>> DEFAULT_CATEGORIES.decided_by_class(1), DEFAULT_CATEGORIES.decided_by_class(None)
        (True, False)
        """
        possible = (rule for rule in self.rules if not rule.job_class or job_class in rule.job_class)
        first = next(possible, None)
        return first is None or first.by_class_alone

    def limit_of(self, category: str) -> Limit | None:
        """The limit of a category that the DAG gives none."""
        return self.forced.get(category) or self.properties.get(category) or self.limits.get(category)


DEFAULT_CATEGORIES = CategoryPolicy(
    rules=DEFAULT_RULES,
    limits=MappingProxyType({name: Limit(number, BUILT_IN) for name, number in DEFAULT_LIMITS.items()}),
)


def layered(layers: Iterable[CategoryPolicy]) -> CategoryPolicy:
    """One policy of many: a later layer's limit wins, and its rules are asked first.

    >>> both = layered([DEFAULT_CATEGORIES, CategoryPolicy(limits={"cleanup": Limit(9, "site")})])
    >>> both.limits["cleanup"].number, both.limits["subwf"].number
    (9, 10)
    """
    rules: tuple[CategoryRule, ...] = ()
    limits: dict[str, Limit] = {}
    planner: dict[str, Limit] = {}
    properties: dict[str, Limit] = {}
    forced: dict[str, Limit] = {}
    for layer in layers:
        rules = layer.rules + rules
        limits.update(layer.limits)
        planner.update(layer.planner_limits)
        properties.update(layer.properties)
        forced.update(layer.forced)
    return CategoryPolicy(rules, limits, planner, properties, forced)


class MonitorKind(Enum):
    """What the monitor is to DAGMan; the value is the word on the command line."""

    SERVICE = "service"
    JOB = "job"
