"""What figures of a run lack, in words for their first line."""

from __future__ import annotations

import time
from collections.abc import Sequence

from monitord_job.statistics.model.figures import Workflow
from monitord_job.statistics.queries.questions import Questions

# What HTCondor did not take has ended with that: there is no exit code.
_OPEN = """
SELECT count(*) FROM job j JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id IN (?*) AND i.exitcode IS NULL AND NOT EXISTS
  (SELECT 1 FROM jobstate e WHERE e.job_instance_id = i.job_instance_id AND e.state = 'SUBMIT_FAILED')
"""
_UNKNOWN_BELOW = """
SELECT count(DISTINCT j.job_id) FROM job j JOIN job_instance i ON i.job_id = j.job_id
WHERE j.wf_id IN (?*) AND j.type_desc IN ('dax', 'dag') AND i.exitcode = 0 AND i.subwf_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM job_instance o WHERE o.job_id = j.job_id AND o.subwf_id IS NOT NULL)
"""
_QUARANTINE = "bridle_quarantine"


def what_is_lacking(
    questions: Questions, workflows: Sequence[Workflow], until: float | None
) -> tuple[str, ...]:
    """In the order of how much it matters; nothing of a run that is over and stored whole."""
    wf_ids = [one.wf_id for one in workflows]
    lacking = []
    root = workflows[0]
    if not root.ended:
        when = (
            ""
            if until is None
            else f", last heard of at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(until))}"
        )
        lacking.append(f"the run has not ended{when}")
    still = sum(not one.ended for one in workflows[1:])
    if root.ended and still:
        lacking.append(f"the end of {still} of {len(workflows) - 1} sub-workflows was not recorded")
    attempts = _count(questions, _OPEN, wf_ids)
    if root.ended and attempts:
        lacking.append(f"how {attempts} attempts of jobs ended was not recorded")
    below = _count(questions, _UNKNOWN_BELOW, wf_ids)
    if below:
        lacking.append(f"what {below} sub-workflow jobs ran is not stored")
    if questions.has(_QUARANTINE):
        pieces = _count(questions, f"SELECT count(*) FROM {_QUARANTINE} WHERE wf_id IN (?*)", wf_ids)
        if pieces:
            lacking.append(f"{pieces} pieces of input could not be read (table {_QUARANTINE})")
    return tuple(lacking)


def _count(questions: Questions, text: str, wf_ids: list[int]) -> int:
    return int(next(questions.rows(text, wf_ids))[0])
