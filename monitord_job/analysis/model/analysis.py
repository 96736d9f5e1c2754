"""What an analysis finds in a run. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitord_job.analysis.model.failure import NO_GROUPS, Group, Groups
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

    def with_excuses(self, excuses: Mapping[str, str]) -> Analysis:
        """The same; by node of the run itself: what lets it succeed though that failed, in words that follow."""

        def excused(group: Group) -> Group:
            cause, first = group.first.cause, group.first
            words = "" if first.workflow else excuses.get(first.job, "")
            return (
                group
                if cause is None
                else replace(group, first=replace(first, cause=replace(cause, excuse=words)))
            )

        return replace(self, failed=replace(self.failed, groups=tuple(map(excused, self.failed.groups))))

    @property
    def is_excused(self) -> bool:
        """Whether nothing of what failed is to be mended: the run has succeeded all the same."""
        causes = [group.first.cause for group in self.failed.groups]
        return (
            bool(causes) and not self.through and all(cause is not None and cause.excuse for cause in causes)
        )

    @property
    def has_failed(self) -> bool:
        """Whether something of it has failed for good, as far as that is known now."""
        return bool(self.failed.count or self.through)
