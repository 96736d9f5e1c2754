"""X.metrics of every planned directory of the corpus: read, written back, and counted by ourselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.metrics.dag_metrics import parse_metrics
from dag_rewriter.metrics.metrics_files import measure, write_metrics
from dag_rewriter.metrics.planner_format import render_planner_metrics
from tests.conftest import CORPUS_PLANNED, Corpus, wherever

NEWER = wherever("planned", [name for name in CORPUS_PLANNED if name != "pegasus-4.9.3-diamond"])
"""4.9.3 writes fewer keys."""


@pytest.fixture(params=NEWER)
def planned(request: pytest.FixtureRequest, corpus: Corpus) -> Path:
    (braindump,) = sorted(corpus(f"planned/{request.param}").rglob("braindump.yml"))
    return braindump.parent


@pytest.fixture
def without(planned: Path, tmp_path: Path) -> SubmitDir:
    """A copy whose X.metrics is missing."""
    copy = open_submit_dir(Path(shutil.copytree(planned, tmp_path / planned.name, symlinks=True)))
    copy.metrics.unlink()
    return copy


def test_the_planners_file_is_written_back_byte_for_byte(planned):
    data = open_submit_dir(planned).metrics.read_bytes()
    assert render_planner_metrics(json.loads(data)) == data


def test_what_is_made_when_it_is_missing_has_the_planners_keys_and_counts(planned, without):
    theirs = json.loads(open_submit_dir(planned).metrics.read_bytes())
    write_metrics(without)
    ours = json.loads(without.metrics.read_bytes())
    assert [key.replace("dax_api", "wf_api") for key in theirs] == list(ours)
    assert list(ours["wf_metrics"]) == list(theirs["wf_metrics"])
    assert list(ours["app_metrics"]) == list(theirs["app_metrics"])
    counted = {key: value for key, value in ours["wf_metrics"].items() if value is not None}
    assert counted == {key: theirs["wf_metrics"][key] for key in counted}
    assert {"total_jobs", "total_tasks", "compute_jobs", "cleanup_jobs"} <= counted.keys()
    for key in ("version", "root_wf_uuid", "wf_uuid", "planner_args", "uses_pmc", "app_metrics", "exitcode"):
        assert ours[key] == theirs[key], key
    assert ours["client"] == "bridle"


def test_the_planners_file_is_left_alone_and_ours_is_written_beside_it(planned, tmp_path):
    copy = open_submit_dir(Path(shutil.copytree(planned, tmp_path / "copy", symlinks=True)))
    before = copy.metrics.read_bytes()
    found = write_metrics(copy)
    assert copy.metrics.read_bytes() == before
    assert found.by_planner
    assert found.dag == parse_metrics(files.read(copy.bridle_metrics))


def test_our_counts_agree_with_the_planners(planned):
    found = measure(open_submit_dir(planned))
    theirs = found.planner["wf_metrics"]
    assert found.dag.nodes == theirs["total_jobs"]
    assert found.dag.job_classes.get("compute", 0) == theirs["compute_jobs"] + theirs["clustered_jobs"]
    assert found.dag.sub_workflows == theirs["dax_jobs"] + theirs["dag_jobs"]
    assert sum(found.dag.levels or ()) == found.dag.nodes
    for counts in (found.dag.job_classes, found.dag.categories, found.dag.universes, found.dag.kinds):
        assert sum(counts.values()) == found.dag.nodes


def test_a_second_time_touches_no_file_and_ours_is_replaced(without):
    write_metrics(without)
    before = {path: path.stat().st_mtime_ns for path in without.path.glob("*.metrics")}
    assert len(before) == 2
    write_metrics(without)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not measure(without).by_planner
