"""`bridle recover --fix`, as the queue answers it."""

from dataclasses import replace

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import open_dag
from monitord_job import schedd
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.diagnosis.run_states import Condition, Diagnosis, Remedy
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


def test_of_a_sub_workflow_only_the_run_above_is_started(tmp_path, monkeypatch):
    (tmp_path / "w.dag").write_text("SUBDAG EXTERNAL below s.dag\n")
    (tmp_path / "s.dag").write_text("JOB a a.sub\n")
    run = open_dag(tmp_path / "w.dag")
    below = replace(open_dag(tmp_path / "s.dag"), top=run)
    failed = Diagnosis(Condition.FAILED, "nodes failed", remedy=Remedy.RUN_AGAIN)
    states = {"w.dag": [failed, Diagnosis(Condition.RUNNING, "at work")], "s.dag": [failed]}
    monkeypatch.setattr(recover, "look", lambda which: states[which.dag][0])
    started = []

    def start(which):
        started.append(which)
        del states[which.dag][0]

    monkeypatch.setattr(recover, "start", start)
    recovered = recover.fix(below, lambda _remedy: None)
    assert started == [run]
    assert (recovered.before, recovered.after.condition) == (failed, Condition.RUNNING)
    assert recovered.done == (Remedy.RUN_AGAIN,)
