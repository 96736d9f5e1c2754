"""Sub-workflows are found where they are, also in a copy."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.recording.subworkflows import find, open_sub_directory
from monitord_job.stampede.state import JobPlan


def top(folder: Path) -> Path:
    """The root submit directory below a corpus folder."""
    return min(folder.rglob("braindump.yml"), key=lambda path: len(path.parts)).parent


def test_a_sub_dax_is_the_directory_of_its_attempt(corpus):
    root = open_submit_dir(top(corpus("recorded/subwf-dax-hooks")))
    plan = JobPlan("pegasus-plan_subwf1", "00/00/pegasus-plan_subwf1.sub")
    first = find(root, plan, 3, 0)
    assert first is not None
    assert (first.directory, first.dag) == ("00/00/inner_subwf1.000", "inner-0.dag")
    inner = open_sub_directory(root, first)
    assert f'wf_uuid: "{inner.wf_uuid}"' in (root.path / first.directory / "braindump.yml").read_text()
    assert inner.wf_uuid != root.wf_uuid
    assert inner.root_wf_uuid == root.wf_uuid
    second = find(root, plan, 9, 1)
    assert second is not None
    assert second.directory == "00/00/inner_subwf1.000"


def test_a_dag_that_pegasus_did_not_plan_has_a_uuid_of_its_place(corpus):
    root = open_submit_dir(top(corpus("recorded/subwf-dag-monitordcrash")))
    dag_file = "/home/scientist/subwf-dag-monitordcrash/handdag/hand.dag"
    plan = JobPlan("dagman_dag1", None, is_subdag=True, dag_file=dag_file)
    found = find(root, plan, 5, 0)
    assert found is not None
    assert found.dag == "hand.dag"
    hand = open_sub_directory(root, found)
    assert hand.dag_file.is_file()
    assert hand.wf_uuid == open_sub_directory(root, found).wf_uuid
    assert hand.wf_uuid not in (None, root.wf_uuid)


def test_a_node_without_a_sub_workflow_has_none(corpus):
    root = open_submit_dir(top(corpus("recorded/lclust")))
    assert find(root, JobPlan("merge_grp0", "00/00/merge_grp0.sub"), 1, 0) is None
