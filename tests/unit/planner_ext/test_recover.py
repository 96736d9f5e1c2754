"""`bridle recover --fix`, as the queue answers it."""

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import open_dag
from monitord_job import schedd
from monitord_job.condor_job import JobStatus, QueuedJob
from planner_ext.operations import recover


def test_a_monitor_that_is_held_again_as_it_leaves_is_released_again(tmp_path, monkeypatch):
    """As the schedd of 25.14 does with a job that was released before its killed process had quite left."""
    (tmp_path / "w.dag").write_text("JOB a a.sub\n")
    submit_dir = open_dag(tmp_path / "w.dag")
    answers = [JobStatus.HELD, JobStatus.HELD, JobStatus.IDLE, JobStatus.RUNNING]
    released = []

    def node_jobs(_log):
        return [QueuedJob("7.0", answers.pop(0), is_monitor=True), QueuedJob("8.0", JobStatus.HELD)]

    monkeypatch.setattr(schedd, "node_jobs", node_jobs)
    monkeypatch.setattr(schedd, "release_job", lambda job, _reason: released.append(job))
    monkeypatch.setattr("monitord_job.waiting.time.sleep", lambda _seconds: None)
    monkeypatch.setattr(files, "is_locked", lambda _lock: True)
    recover._release_monitor(submit_dir, None)
    assert (released, answers) == (["7.0", "7.0"], [])
