"""The events of recorded runs, as `bridle monitord --events` writes them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.cli.monitord import monitord
from monitord_job.event_stream.netlogger import BpFormat
from monitord_job.event_stream.sink import EventFile
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up, rebuild
from monitord_job.readers.status import read_status
from monitord_job.stampede.static_bp import StaticEvent, parse
from tests.support.database import query
from tests.support.recorded import prepare

STATES = {
    "pre.start": ("PRE_SCRIPT_STARTED",) * 2,
    "pre.term": ("PRE_SCRIPT_TERMINATED",) * 2,
    "pre.end": ("PRE_SCRIPT_SUCCESS", "PRE_SCRIPT_FAILED"),
    "submit.end": ("SUBMIT", "SUBMIT_FAILED"),
    "main.start": ("EXECUTE",) * 2,
    "main.term": ("JOB_TERMINATED", "JOB_EVICTED"),
    "main.end": ("JOB_SUCCESS", "JOB_FAILURE"),
    "post.start": ("POST_SCRIPT_STARTED",) * 2,
    "post.term": ("POST_SCRIPT_TERMINATED",) * 2,
    "post.end": ("POST_SCRIPT_SUCCESS", "POST_SCRIPT_FAILED"),
    "held.start": ("JOB_HELD",) * 2,
    "held.end": ("JOB_RELEASED",) * 2,
    "image.info": ("IMAGE_SIZE",) * 2,
    "abort.info": ("JOB_ABORTED",) * 2,
}
"""What pegasus-monitord's loader makes of an event with status 0 and -1 (db/workflow_loader.py)."""
STATELESS = {"submit.start", "host.info", "tag", "composite"}


def events(path: Path) -> list[StaticEvent]:
    """The events of a bp file; a line that is none fails."""
    found = [parse(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert all(isinstance(event, StaticEvent) for event in found)
    return [event for event in found if isinstance(event, StaticEvent)]


def states(found: list[StaticEvent]) -> list[tuple[object, ...]]:
    """The states that a loader stores: workflow, job, attempt, number, word."""
    result: list[tuple[object, ...]] = []
    for event in found:
        word = event.name.removeprefix("stampede.job_inst.")
        if word == event.name or word in STATELESS:
            continue
        f = event.fields
        state = STATES[word][-int(f.get("status", "0"))] if word in STATES else word.upper()
        result.append((f["xwf.id"], f["job.id"], int(f["job_inst.id"]), int(f["js.id"]), state))
    return result


def written(submit_dir: SubmitDir) -> Path:
    """The events of a run that is stored now."""
    path = submit_dir.path / "events.bp"
    catch_up(submit_dir, Limits(), events=EventFile(str(path), BpFormat.BP))
    return path


STORED_STATES = """
    SELECT w.wf_uuid, j.exec_job_id, i.job_submit_seq, s.jobstate_submit_seq, s.state
    FROM jobstate s JOIN job_instance i USING (job_instance_id) JOIN job j USING (job_id) JOIN workflow w USING (wf_id)
    ORDER BY s.rowid"""

RUNS = ["diamond-condorio", "failing-condorio", "lclust", "dagman-profiles-removed", "subwf-dax-hooks"]


@pytest.mark.parametrize("run", RUNS)
def test_every_state_has_its_event_in_order(run, fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus(f"recorded/{run}"))
    found = states(events(written(submit_dir)))
    stored = query(submit_dir.database, STORED_STATES)
    assert found == stored
    assert len(stored) > 5
    assert query(submit_dir.database, "SELECT count(*) FROM bridle_event") == [(0,)]


def test_the_kinds_and_fields_are_those_of_the_model(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    found = events(written(submit_dir))
    count = Counter(event.name.removeprefix("stampede.") for event in found)

    def rows(table: str) -> object:
        ((number,),) = query(submit_dir.database, f"SELECT count(*) FROM {table}")
        return number

    for word, table in [
        ("wf.plan", "workflow"), ("task.info", "task"), ("task.edge", "task_edge"), ("job.info", "job"),
        ("job.edge", "job_edge"), ("inv.end", "invocation"), ("inv.start", "invocation"), ("rc.pfn", "rc_pfn"),
        ("job_inst.composite", "job_instance"), ("int.metric", "integrity"), ("xwf.meta", "workflow_meta"),
    ]:  # fmt: skip
        assert count[word] == rows(table), word
    assert [event.name for event in found[:2]] == ["stampede.wf.plan", "stampede.static.start"]
    assert found[-1].name == "stampede.xwf.end"
    by_name = {event.name: event.fields for event in found}
    assert set(by_name["stampede.xwf.end"]) == {"level", "xwf.id", "restart_count", "status"}
    assert by_name["stampede.wf.plan"]["root.xwf.id"] == submit_dir.wf_uuid
    assert {"job.id", "job_inst.id", "inv.id", "transformation", "start_time", "dur", "exitcode"} <= set(
        by_name["stampede.inv.end"]
    )
    end = by_name["stampede.job_inst.post.end"]
    assert {"site", "user", "work_dir", "local.dur", "stdout.file", "stdout.text", "exitcode"} <= set(end)
    assert (end["status"], end["exitcode"], end["site"]) == ("0", "0", "local")


def test_json_says_the_same(fresh_corpus, work_dir):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    bp = events(written(submit_dir))
    path = work_dir / "events.json"
    rebuild(submit_dir, Limits(), events=EventFile(str(path), BpFormat.JSON))
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [event["event"] for event in found] == [event.name for event in bp]
    assert [event["xwf_id"] for event in found] == [event.fields["xwf.id"] for event in bp]


def test_what_others_store_while_no_monitor_is_there_is_not_missing(fresh_corpus, work_dir):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    log = submit_dir.jobstate_log
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:20]))
    path = work_dir / "later.bp"
    catch_up(submit_dir, Limits(), events=EventFile(str(path), BpFormat.BP))
    half = path.read_bytes()
    log.write_bytes(b"".join(lines[:50]))
    read_status(submit_dir)
    assert path.read_bytes() == half
    log.write_bytes(b"".join(lines))
    catch_up(submit_dir, Limits(), events=EventFile(str(path), BpFormat.BP))
    assert states(events(path)) == query(submit_dir.database, STORED_STATES)
    assert path.read_bytes().startswith(half)


def test_the_command_writes_to_standard_output(fresh_corpus, capfd):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    monitord.main([str(submit_dir.path), "--catch-up", "--events", "-"], standalone_mode=False)
    lines = capfd.readouterr().out.splitlines()
    assert "event=stampede.wf.plan" in lines[0]
    assert "event=stampede.xwf.end" in lines[-1]
