"""What an analysis finds in a run. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitord_job.analysis.model.failure import NO_GROUPS, Groups
from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.statistics.model.figures import Workflow


@dataclass(frozen=True, slots=True)
class Analysis:
    """A run and all its sub-workflows: where it stands, and its failures in groups of equal ones.

    A node whose sub-workflow failed is in no group: what failed inside is. `through` is how many of these there are.
    """

    run: WorkflowProgress
    """the workflow itself; its sub-workflows are not counted there"""
    workflows: tuple[Workflow, ...] = ()
    """all that count, itself first: none of an attempt that was planned anew since"""
    below: Mapping[NodeStatus, int] = field(default_factory=dict)
    """the jobs of sub-workflows"""
    failed: Groups = NO_GROUPS
    held: Groups = NO_GROUPS
    failing: Groups = NO_GROUPS
    """jobs that failed and are tried again; each as it failed last"""
    through: int = 0
    incomplete: tuple[str, ...] = ()
    """what the database lacks, in words"""

    @property
    def has_failed(self) -> bool:
        """Whether something of it has failed for good, as far as that is known now."""
        return bool(self.failed.count or self.through)
