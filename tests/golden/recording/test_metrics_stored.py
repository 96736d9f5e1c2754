"""The metrics of planner, bridle and DAGMan in the database of recorded runs."""

from __future__ import annotations

import json

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.metrics.metrics_files import write_metrics
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up, rebuild
from monitord_job.readers.status import read_status
from monitord_job.readers.status_view import as_mapping
from tests.support.database import query
from tests.support.recorded import prepare

EVERYTHING = "SELECT * FROM bridle_workflow_metrics ORDER BY 1, 2, 3"


def metrics(submit_dir: SubmitDir, source: str) -> dict[str, tuple[object, object]]:
    """What is stored of one source, of all workflows: by uuid and key."""
    text = (
        "SELECT wf_uuid || ' ' || key, value, number FROM bridle_workflow_metrics JOIN workflow USING (wf_id) "
        f"WHERE source = '{source}'"
    )
    return {str(key): (value, number) for key, value, number in query(submit_dir.database, text)}


def test_the_metrics_of_planner_bridle_and_dagman_are_stored(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    written = json.loads((submit_dir.path / f"{submit_dir.dag}.metrics").read_text())
    write_metrics(submit_dir)
    catch_up(submit_dir, Limits())
    uuid = submit_dir.wf_uuid
    assert metrics(submit_dir, "planner")[f"{uuid} wf_metrics.total_jobs"] == ("13", 13)
    assert metrics(submit_dir, "planner")[f"{uuid} uses_pmc"] == ("false", 0)
    assert metrics(submit_dir, "planner")[f"{uuid} planner_args"][1] is None
    assert metrics(submit_dir, "bridle")[f"{uuid} nodes"] == ("13", 13)
    assert metrics(submit_dir, "dagman")[f"{uuid} jobs_succeeded"] == ("13", 13)
    shown = as_mapping(read_status(submit_dir))["metrics"]
    assert shown["dagman"]["duration"] == written["duration"]
    assert shown["planner"]["uses_pmc"] is False
    stored = query(submit_dir.database, EVERYTHING)
    rebuild(submit_dir, Limits())
    assert query(submit_dir.database, EVERYTHING) == stored


def test_sub_workflows_have_metrics_of_their_own(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/subwf-dax-hooks"))
    catch_up(submit_dir, Limits())
    for source in ("planner", "dagman"):
        assert len({key.split()[0] for key in metrics(submit_dir, source)}) == 2, source


def test_only_the_metrics_of_this_dagman_are_taken_and_as_soon_as_they_are_whole(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    file = submit_dir.path / f"{submit_dir.dag}.metrics"
    data = file.read_bytes()
    dagman = json.loads(data)["dagman_id"]
    for other in (data.replace(f'"{dagman}"'.encode(), b'"7"'), data[:300]):
        file.write_bytes(other)
        catch_up(submit_dir, Limits())
        assert metrics(submit_dir, "dagman") == {}
    file.write_bytes(data)
    catch_up(submit_dir, Limits())
    assert metrics(submit_dir, "dagman")[f"{submit_dir.wf_uuid} dagman_id"] == (dagman, None)


def test_metrics_that_cannot_be_read_are_named_and_cost_nothing(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    submit_dir.metrics.write_bytes(b"\xff{")
    (submit_dir.path / f"{submit_dir.dag}.metrics").write_bytes(b"{,}")
    catch_up(submit_dir, Limits())
    catch_up(submit_dir, Limits())
    found = query(submit_dir.database, "SELECT file FROM bridle_quarantine ORDER BY 1")
    assert found == [(f"{submit_dir.dag}.metrics",), (submit_dir.metrics.name,)]
