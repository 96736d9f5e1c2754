"""Which rules hold for which workflow of a hierarchy, and what follows from time alone: silence, another monitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications.row_tap import NotificationTap, Notify
from monitord_job.recording.hierarchy import Hierarchy
from monitord_job.recording.store import Store, sqlite_url
from tests.support.database import query
from tests.support.notified import Hook, kept
from tests.support.recorded import dagman_lines, prepare
from tests.support.rules import write_rules


@pytest.fixture
def nested(fresh_corpus) -> tuple[SubmitDir, SubmitDir]:
    """A run, and the one below it."""
    submit_dir = prepare(fresh_corpus("recorded/subwf-dax-hooks")).submit_dir
    below = open_submit_dir(next(submit_dir.path.rglob("inner_subwf1.000")))
    below.jobstate_log.write_bytes(dagman_lines(below.path / "jobstate.log"))
    for rules in submit_dir.path.rglob("*.notify"):
        rules.write_text("")
    return submit_dir, below


def jobs_of(database: Path, wf_uuid: str | None) -> set[str]:
    text = "SELECT j.exec_job_id FROM job j JOIN workflow w USING (wf_id) WHERE w.wf_uuid = ?"
    return {str(job) for (job,) in query(database, text.replace("?", repr(wf_uuid)))}


def test_rules_for_all_of_a_workflow_hold_for_those_below_it_beside_their_own(nested, tmp_path):
    submit_dir, below = nested
    hook = Hook(tmp_path)
    session.catch_up(submit_dir, Limits())
    outer, inner = (jobs_of(submit_dir.database, found.wf_uuid) for found in nested)
    named, both = min(inner - outer), inner & outer
    write_rules(
        submit_dir.bridle_notify,
        f"JOB * end {hook.path} all\nJOB {named} end {hook.path} strange\nWORKFLOW * end {hook.path} runs\n",
    )
    write_rules(below.bridle_notify, f"JOB {named} end {hook.path} own\nJOB * end {hook.path} all\n")
    session.catch_up(submit_dir, Limits(), notify=True)
    session.rebuild(submit_dir, Limits(), notify=True)
    session.catch_up(submit_dir, Limits(), deliver=True)
    ran = Counter((job, words) for _, _, job, words in hook.runs())
    assert not any(words == "strange" for _, words in ran), "a name of another workflow means nothing"
    assert {job: times for (job, words), times in ran.items() if words == "all"} == {
        job: 1 + (job in both) for job in outer | inner
    }
    assert ran[(named, "own")] == 1
    assert {job for job, words in ran if words == "runs"} == {submit_dir.wf_uuid, below.wf_uuid}


@contextmanager
def monitor(submit_dir: SubmitDir) -> Iterator[tuple[Store, NotificationTap]]:
    """As far as the logs go, and no further: a monitor in the middle of a run."""
    tap = NotificationTap(submit_dir.wf_uuid or "", Notify.BEGIN)
    store = Store(sqlite_url(submit_dir.database), notifications=tap)
    try:
        hierarchy = Hierarchy(submit_dir, store)
        hierarchy.open()
        while not (progress := hierarchy.step()).at_end or progress.lines:
            pass
        yield store, tap
    finally:
        store.close()


def silent(store: Store, tap: NotificationTap, now: int) -> None:
    """As the daemon does between two looks at the logs."""
    if tap.says_more(now):
        with store.writing() as bulk:
            tap.silent(bulk, now)


def test_a_run_is_not_silent_while_one_below_it_is_not(nested):
    submit_dir, below = nested
    write_rules(submit_dir.bridle_notify, f"WORKFLOW {submit_dir.wf_uuid} stalled=1m /bin/true\n")
    inner = below.jobstate_log.read_text().splitlines(keepends=True)
    outer = submit_dir.jobstate_log.read_text().splitlines(keepends=True)
    begun = next(number for number, line in enumerate(outer, 1) if "pegasus-plan_subwf1 EXECUTE" in line)
    submit_dir.jobstate_log.write_text("".join(outer[:begun]))
    below.jobstate_log.write_text("".join(inner[:-2]))
    last_outside, last_inside = (int(lines.split()[0]) for lines in (outer[begun - 1], inner[-3]))
    assert last_outside < last_inside
    with monitor(submit_dir) as (store, tap):
        silent(store, tap, max(last_outside + 60, last_inside + 59))
        assert kept(submit_dir.database) == []
        silent(store, tap, last_inside + 60)
        silent(store, tap, last_inside + 600)
        (row,) = kept(submit_dir.database)
        assert row["environment"]["PEGASUS_EVENT"] == "stalled=1m"
    with monitor(submit_dir) as (store, tap):
        silent(store, tap, last_inside + 1200)
        assert kept(submit_dir.database) == [row], "the next monitor knows this silence"


def test_another_monitor_is_told_but_not_the_first_after_somebody_looked(nested):
    submit_dir, _ = nested
    write_rules(submit_dir.bridle_notify, f"WORKFLOW {submit_dir.wf_uuid} monitor_restarted /bin/true\n")
    lines = submit_dir.jobstate_log.read_text().splitlines(keepends=True)
    submit_dir.jobstate_log.write_text("".join(lines[:10]))
    session.catch_up(submit_dir, Limits())  # `bridle status`, before any monitor
    tap = NotificationTap(submit_dir.wf_uuid or "", Notify.BEGIN)
    store = Store(sqlite_url(submit_dir.database), notifications=tap)
    Hierarchy(submit_dir, store).open()
    with store.writing() as bulk:
        tap.restarted(bulk, "1", 5)
    assert kept(submit_dir.database) == []
    store.close()
    with monitor(submit_dir) as (store, tap):
        submit_dir.jobstate_log.write_text("".join(lines[:12]))
    with monitor(submit_dir) as (store, tap), store.writing() as bulk:
        tap.restarted(bulk, "2", 6)
    (row,) = kept(submit_dir.database)
    assert row["rule"].endswith("monitor_restarted")
