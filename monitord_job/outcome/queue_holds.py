"""Which jobs are on hold in the queue, of which no log tells sometimes: HTCondor logs no hold of a job that was
submitted on hold. What every command asks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.node_status import NodeStatus, in_queue


@dataclass(frozen=True, slots=True)
class QueueHolds:
    """By cluster, the reason: an attempt is stored with one of its jobs (`queue 3`), and any of them may be held."""

    reasons: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, held: Iterable[tuple[str, str]]) -> QueueHolds:
        """From jobs (`cluster.proc`) and their reasons; of several jobs of a cluster, the first.

        >>> QueueHolds.of([("7.0", "no space"), ("7.2", "shot")]).reason("7.1")
        'no space'
        """
        reasons: dict[str, str] = {}
        for job, reason in held:
            reasons.setdefault(_cluster(job), reason)
        return cls(reasons)

    def reason(self, job: str | None) -> str | None:
        """Why an attempt with this job is on hold; None: it is not."""
        return self.reasons.get(_cluster(job)) if job else None

    def status(self, status: NodeStatus, job: str | None) -> NodeStatus:
        """Where an attempt stands that is stored as this."""
        return in_queue(status, self.reason(job))

    def cause(self, status: NodeStatus, job: str | None, stored: Cause | None) -> Cause | None:
        """Why it stands there: of a hold, what the queue says goes before what is stored."""
        reason = self.reason(job)
        return (
            stored
            if reason is None or status is not NodeStatus.HELD
            else Cause(CauseKind.HELD, reason=reason)
        )


NO_HOLDS = QueueHolds()


def _cluster(job: str) -> str:
    return job.partition(".")[0]
