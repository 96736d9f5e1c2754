"""What holds unless the user or the planner says otherwise: category limits and the monitor's own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


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
    SUB_WORKFLOW = 10
    SUB_DAG = 11


CLEANUP = "cleanup"
SUB_WORKFLOW = "subwf"
"""Both as the planner calls them; category names are case-sensitive to DAGMan."""

CLEANUP_LIMIT = 4
"""The planner's own limit for clean_up_ nodes (defaultMaxJobsCategoryValues); the final cleanup_ nodes join
them.
"""

SUB_WORKFLOW_LIMIT = 10
"""Each sub-workflow is one more DAGMan on the access point (95 MB at 100,000 nodes), and before that a
planner (a Java process) in its PRE script. The planner gives it a category without a limit, so a hundred
could start at once; 10 is what the planner allows for its other jobs of that kind, stage-in and stage-out.
"""


@dataclass(frozen=True, slots=True)
class CategoryPolicy:
    """Which nodes go into which category, and how many of a category run at once."""

    by_class: Mapping[JobClass, str]
    limits: Mapping[str, int]

    def category_of(self, job_class: int | None) -> str | None:
        """The category for a job class; None: none.

        >>> [DEFAULT_CATEGORIES.category_of(job_class) for job_class in (8, 1, None)]
        ['cleanup', None, None]
        """
        return next((name for known, name in self.by_class.items() if known.value == job_class), None)


DEFAULT_CATEGORIES = CategoryPolicy(
    by_class=MappingProxyType(
        {JobClass.CLEANUP: CLEANUP, JobClass.SUB_WORKFLOW: SUB_WORKFLOW, JobClass.SUB_DAG: SUB_WORKFLOW}
    ),
    limits=MappingProxyType({CLEANUP: CLEANUP_LIMIT, SUB_WORKFLOW: SUB_WORKFLOW_LIMIT}),
)


@dataclass(frozen=True, slots=True)
class MonitorPolicy:
    """How HTCondor treats the monitor's job."""

    max_starts: int = 20
    """Local jobs have no working max_retries (NumJobCompletions stays 0); NumJobStarts does count."""

    least_priority: int = 1_000_000
    """Far above every node's, also with `condor_submit_dag -priority` added, which is not known when
    rewriting.
    """


DEFAULT_MONITOR = MonitorPolicy()
