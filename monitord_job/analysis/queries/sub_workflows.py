"""Which workflows of a run count now: an attempt at a sub-workflow that was planned anew leaves the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitord_job.statistics.queries.questions import Questions

_NODES = """
SELECT i.subwf_id, j.wf_id, j.exec_job_id,
       CASE WHEN EXISTS (SELECT 1 FROM job_instance l WHERE l.job_id = i.job_id AND l.job_submit_seq > i.job_submit_seq)
            THEN 0 ELSE 1 END
FROM job j JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id IN (?*) AND j.type_desc IN ('dax', 'dag') AND i.subwf_id IS NOT NULL
ORDER BY i.job_instance_id
"""


@dataclass(frozen=True, slots=True)
class Parent:
    """The node that a sub-workflow runs for."""

    wf_id: int
    job: str


def current(questions: Questions, root: int, wf_ids: Sequence[int]) -> tuple[list[int], Mapping[int, Parent]]:
    """The workflows that newest attempts run, the root first, and the node of each below it.

    One that no attempt is known to run counts: its parent's record may be damaged.
    """
    parents: dict[int, Parent] = {}
    former: set[int] = set()
    for subwf_id, wf_id, job, is_newest in questions.rows(_NODES, list(wf_ids)):
        parents[int(subwf_id)] = Parent(int(wf_id), str(job))
        (former.discard if is_newest else former.add)(int(subwf_id))
    counted = [one for one in wf_ids if one != root and not _left(one, root, parents, former)]
    return [root, *counted], parents


def _left(wf_id: int, root: int, parents: Mapping[int, Parent], former: set[int]) -> bool:
    """Whether it, or one that it is below, was run by an attempt that is not the newest."""
    seen: set[int] = set()
    while wf_id != root and wf_id in parents and wf_id not in seen:
        if wf_id in former:
            return True
        seen.add(wf_id)
        wf_id = parents[wf_id].wf_id
    return False
