"""One attempt in full, and a job that came before it."""

from __future__ import annotations

from monitord_job.analysis.model.example import Example
from monitord_job.analysis.model.failure import Failure
from monitord_job.outcome.attempt import POST_TASK, PRE_TASK
from monitord_job.statistics.queries.questions import Questions
from monitord_job.text.display import one_line

_ATTEMPT = """
SELECT i.site, i.work_dir, j.submit_file, i.stdout_file, i.stderr_file, i.subwf_id
FROM job_instance i JOIN job j ON j.job_id = i.job_id WHERE i.job_instance_id = ?
"""
_RAN = """
SELECT n.task_submit_seq, n.executable, n.argv FROM invocation n
WHERE n.job_instance_id = ? AND (n.task_submit_seq < 0 OR n.task_submit_seq = (
    SELECT min(m.task_submit_seq) FROM invocation m WHERE m.job_instance_id = n.job_instance_id
    AND m.task_submit_seq > 0 AND (m.exitcode <> 0 OR NOT EXISTS (
        SELECT 1 FROM invocation o WHERE o.job_instance_id = n.job_instance_id AND o.task_submit_seq > 0
        AND o.exitcode <> 0))))
"""
_PARENT = """
SELECT min(e.parent_exec_job_id) FROM job_edge e
JOIN job j ON j.wf_id = e.wf_id AND j.exec_job_id = e.parent_exec_job_id
WHERE e.wf_id = ? AND e.child_exec_job_id = ? AND j.type_desc = 'compute'
"""


def example_of(questions: Questions, failure: Failure) -> Example:
    """What the database has of a failure's attempt."""
    row = next(questions.rows(_ATTEMPT, failure.instance), None)
    if row is None:
        return Example()
    site, directory, submit_file, stdout, stderr, subwf_id = row
    ran = {
        PRE_TASK if task == PRE_TASK else POST_TASK if task == POST_TASK else 1: _command(executable, argv)
        for task, executable, argv in questions.rows(_RAN, failure.instance)
    }
    (parent,) = next(questions.rows(_PARENT, failure.wf_id, failure.job))
    return Example(
        site=_word(site),
        directory=_word(directory),
        submit_file=_word(submit_file),
        stdout_file=_word(stdout),
        stderr_file=_word(stderr),
        command=ran.get(1, ""),
        pre=ran.get(PRE_TASK, ""),
        post=ran.get(POST_TASK, ""),
        subwf_id=subwf_id,
        parent=parent or "",
    )


def _word(text: str | None) -> str:
    return one_line(text or "", 1000)


def _command(executable: str | None, argv: str | None) -> str:
    return one_line(" ".join(word.strip() for word in (executable, argv) if word), 2000)
