"""What was not started because of jobs that failed: all that waits for them, here and above."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping

from monitord_job.analysis.model.failure import MOST_NAMES, Group, NotStarted
from monitord_job.analysis.queries.sub_workflows import Parent
from monitord_job.statistics.queries.questions import Questions
from monitord_job.text.display import one_line

# A node that ran once is no consequence, nor is what is below it because of it.
_CHILDREN = """
SELECT j.exec_job_id FROM {above} JOIN job j ON j.wf_id = e.wf_id AND j.exec_job_id = e.child_exec_job_id
WHERE e.wf_id = ? {which} AND NOT EXISTS (SELECT 1 FROM job_instance i WHERE i.job_id = j.job_id)
"""
_BELOW = f"""
WITH RECURSIVE below(name) AS (
    {_CHILDREN.format(above="job_edge e", which="AND e.parent_exec_job_id IN (?*)")}
    UNION
    {_CHILDREN.format(above="below b JOIN job_edge e ON e.parent_exec_job_id = b.name", which="")}
)
SELECT name FROM below
"""


def not_started(questions: Questions, group: Group, parents: Mapping[int, Parent]) -> NotStarted:
    """What waits for the jobs of a group, and for the nodes whose sub-workflows these are in."""
    starts = {wf_id: set(names) for wf_id, names in group.members.items()}
    for wf_id in list(starts):
        node = parents.get(wf_id)
        while node is not None and node.job not in starts.setdefault(node.wf_id, set()):
            starts[node.wf_id].add(node.job)
            node = parents.get(node.wf_id)
    count = 0
    names: list[str] = []
    for wf_id, jobs in sorted(starts.items()):
        for (name,) in questions.rows(_BELOW, wf_id, sorted(jobs), wf_id):
            count += 1
            if len(names) < MOST_NAMES or name < names[-1]:
                insort(names, name)
                del names[MOST_NAMES:]
    remembered = sum(map(len, group.members.values()))
    return NotStarted(count, tuple(one_line(name, 200) for name in names), at_least=remembered < group.count)
