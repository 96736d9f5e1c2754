"""What pegasus-statistics does not have: waits, lost work, shares, the critical path, two runs side by side."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from math import ceil

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from tests.golden.statistics.test_statistics import recorded, statistics
from tests.support.database import query
from tests.support.json_documents import check


@pytest.fixture
def failing(fresh_corpus) -> SubmitDir:
    return recorded(fresh_corpus("recorded/failing-condorio"))


def document(capfd, *words: object) -> dict:
    capfd.readouterr()
    assert statistics("--json", *words) == 0
    text = capfd.readouterr().out
    check("statistics", text)
    return json.loads(text)


def test_the_critical_path_fills_the_time_from_start_to_end(failing, capfd):
    found = document(capfd, failing.path)
    links = found["critical_path"]
    whole = sum(sum(one["seconds"].values()) for one in links)
    begin = "(SELECT min(timestamp) FROM workflowstate)"
    assert query(failing.database, f"SELECT max(timestamp) - {begin} FROM jobstate") == [(whole,)]
    edges = set(query(failing.database, "SELECT parent_exec_job_id, child_exec_job_id FROM job_edge"))
    names = [one["job"] for one in links]
    assert set(pairwise(names)) <= edges


def test_the_pause_before_the_rescue_run_is_told_apart(failing, capfd):
    found = document(capfd, failing.path)
    pauses = [one["seconds"]["pause"] for one in found["critical_path"]]
    summary = found["summary"]
    assert sum(pauses) == summary["elapsed_seconds"] - summary["wall_time_seconds"] > 0


def test_the_chain_of_a_sub_workflow_is_below_its_job(fresh_corpus, capfd):
    submit_dir = recorded(fresh_corpus("recorded/subwf-dax-hooks"))
    links = document(capfd, submit_dir.path)["critical_path"]
    (job,) = (one for one in links if one["type"] == "dax")
    assert len(job["below"]) > 3
    assert all(not one["below"] for one in links if one is not job)


def test_lost_work_is_that_of_the_attempts_that_failed(failing, capfd):
    lost = document(capfd, failing.path)["use"]["lost"]
    ((count, seconds),) = query(
        failing.database, "SELECT count(*), sum(local_duration) FROM job_instance WHERE exitcode <> 0"
    )
    assert lost == {"failed": {"attempts": count, "seconds": seconds}}


def test_the_kinds_of_jobs_share_all_that_ran(failing, capfd):
    groups = document(capfd, failing.path)["use"]["groups"]
    ((seconds,),) = query(failing.database, "SELECT sum(local_duration) FROM job_instance")
    assert sum(one["ran_seconds"] for one in groups) == seconds
    assert {"cleanup", "compute", "stage-in-tx"} <= {one["type"] for one in groups}


@pytest.mark.own
def test_the_time_that_a_job_was_held_is_told(fresh_corpus, capfd):
    submit_dir = recorded(fresh_corpus("recorded/held"))
    use = document(capfd, submit_dir.path)["use"]
    rows = query(
        submit_dir.database, "SELECT timestamp FROM jobstate WHERE state IN ('JOB_HELD', 'JOB_RELEASED')"
    )
    assert rows
    assert use["held_seconds"] > 0


def test_a_run_beside_itself_has_changed_in_nothing(failing, capfd):
    rows = document(capfd, "--against", failing.path, failing.path)["against"]
    assert len(rows) > 15
    assert {row["change"] for row in rows} == {0.0, None}
    assert all(row["this"] == row["other"] for row in rows)


def test_what_differs_is_a_share_of_the_other(fresh_corpus, failing, capfd):
    other = recorded(fresh_corpus("recorded/subwf-dax-hooks"))
    rows = {row["figure"]: row for row in document(capfd, "--against", other.path, failing.path)["against"]}
    jobs = rows["Jobs: total"]
    assert jobs["change"] == round(jobs["this"] / jobs["other"] - 1, 4) != 0
    assert rows["Mean of analyze"]["this"] > 0


def test_all_is_what_the_peer_has_and_no_more(failing, tmp_path):
    assert statistics("-s", "all,path_stats", "-o", tmp_path, failing.path) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert "path.txt" in names
    assert "use.txt" not in names


def test_each_category_tells_its_limit_and_what_its_jobs_waited_for(failing, capfd):
    (failing.dag_file).write_text(
        failing.dag_file.read_text() + "".join(map(_category_line, _analyses(failing)))
    )
    rows = {row["category"]: row for row in document(capfd, failing.path)["use"]["categories"]}
    row = rows["one_by_one"]
    ((attempts, waited),) = query(
        failing.database,
        "SELECT count(*), sum((SELECT min(timestamp) FROM jobstate s WHERE s.job_instance_id = i.job_instance_id "
        "AND state = 'EXECUTE') - (SELECT min(timestamp) FROM jobstate s WHERE s.job_instance_id = i.job_instance_id "
        "AND state = 'SUBMIT')) FROM job_instance i JOIN job j ON j.job_id = i.job_id WHERE j.type_desc = 'compute'",
    )
    assert (row["limit"], row["attempts"], row["waited_seconds"]) == (1, attempts, waited)
    assert row["most"] >= 1
    assert 0 < row["in_use_seconds"] <= row["queued_seconds"]
    assert statistics(failing.path) == 0
    assert "one_by_one" in capfd.readouterr().out


def test_scripts_have_no_cpu_time(failing, capfd):
    assert statistics("--json", "-s", "tf_stats", failing.path) == 0
    rows = [
        row
        for row in json.loads(capfd.readouterr().out)["breakdown"]
        if row["transformation"] == "dagman::post"
    ]
    assert rows
    assert {(row["cpu_seconds"], row["measured_seconds"]) for row in rows} == {(0, 0)}


def _analyses(submit_dir: SubmitDir) -> list[str]:
    rows = query(submit_dir.database, "SELECT exec_job_id FROM job WHERE type_desc = 'compute'")
    return [str(name) for (name,) in rows]


def _category_line(node: str) -> str:
    return f"\nCATEGORY {node} one_by_one\nMAXJOBS one_by_one 1\n"


def test_the_request_that_would_have_sufficed_stands_beside_the_one_that_was_made(failing, capfd):
    rows = {row["transformation"]: row for row in document(capfd, failing.path)["use"]["requests"]}
    analyze = rows["analyze"]
    ((peak,),) = query(
        failing.database, "SELECT max(maxrss) FROM invocation WHERE transformation = 'analyze'"
    )
    assert analyze["memory_least_mb"] == analyze["memory_most_mb"] > 0
    assert analyze["memory_that_suffices_mb"] == ceil(max(float(str(peak)) / 1024, analyze["memory_used_mb"]))
    assert (analyze["processors"], analyze["processor_seconds"]) == (1, analyze["ran_seconds"])


def test_of_a_run_whose_directory_is_gone_only_the_database_tells(failing, tmp_path, capfd):
    url = f"sqlite:///{failing.database.rename(tmp_path / 'kept.db')}"
    shutil.rmtree(failing.path)
    ((uuid,),) = query(tmp_path / "kept.db", "SELECT wf_uuid FROM workflow")
    use = document(capfd, "-u", "--url", url, uuid)["use"]
    assert use["groups"]
    assert (use["categories"], use["requests"]) == ([], [])
