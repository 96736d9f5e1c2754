"""PostgreSQL beside SQLite: the same rows, several workflows and several monitors in one database."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import URL

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.database.queries.runs import is_stored, progress, summary
from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of, parse_url
from monitord_job.monitor import session
from monitord_job.monitor.daemon import Monitor
from monitord_job.monitor.limits import Limits
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.recording.store import Changes, Store
from monitord_job.recording.transactions import Claim
from monitord_job.stampede.rows import FileMetaRow, FilePlaceRow, QuarantineRow, WorkflowRow
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.golden.recording.test_recorded_runs import RUNS
from tests.support.database import dump, query
from tests.support.recorded import prepare

SHARED = ("rc_lfn", "rc_meta", "rc_pfn")
"""Tables whose rows belong to no workflow."""


def caught_up(submit_dir: SubmitDir, url: str | None = None) -> None:
    session.catch_up(submit_dir, Limits(database=0.0), url=url)


def use(submit_dir: SubmitDir, url: str) -> None:
    """Let the planner's properties name a database."""
    name = submit_dir.braindump["properties"] or ""
    with (submit_dir.path / name).open("a") as properties:
        properties.write(f"\npegasus.catalog.workflow.url = {url}\n")


@pytest.mark.parametrize("run", wherever("recorded", RUNS))
def test_the_rows_are_those_of_sqlite(run, fresh_corpus, postgresql):
    submit_dir, _ = prepare(fresh_corpus(f"recorded/{run}"))
    caught_up(submit_dir)
    caught_up(submit_dir, postgresql)
    ours, theirs = dump(submit_dir.database), dump(postgresql)
    for table in ours:
        assert theirs[table] == ours[table], table


def test_the_property_names_the_database_for_all_commands(fresh_corpus, postgresql, capsys):
    submit_dir, _ = prepare(fresh_corpus("recorded/fan100-missinginput"))
    use(submit_dir, postgresql.replace("postgresql:", "jdbc:postgresql:"))
    assert not is_stored(database_of(submit_dir), submit_dir.wf_uuid)
    assert run_command(["status", str(submit_dir.path)]) == 0
    assert "failed" in capsys.readouterr().out
    assert not submit_dir.database.exists()
    assert is_stored(database_of(submit_dir), submit_dir.wf_uuid)
    engine = open_database(database_of(submit_dir))
    counts = progress(engine, submit_dir.wf_uuid).count()
    assert counts == summary(engine, submit_dir.wf_uuid).count()
    assert counts == summary(engine, submit_dir.wf_uuid, most=1).count()
    assert counts[NodeStatus.FAILED]
    engine.dispose()


def test_a_status_can_be_told_where_the_monitor_was_told_to_write(fresh_corpus, postgresql, capsys):
    submit_dir, _ = prepare(fresh_corpus("recorded/fan100-missinginput"))
    caught_up(submit_dir, postgresql)
    assert run_command(["status", "--url", postgresql, str(submit_dir.path)]) == 0
    assert "failed" in capsys.readouterr().out
    assert not submit_dir.database.exists()


def _catch_up_when_told(path: Path, url: str, start: Barrier) -> None:
    start.wait(60)
    session.catch_up(open_submit_dir(path), Limits(database=60.0), url=url)


@pytest.mark.corpus
def test_many_monitors_fill_one_database_at_once(fresh_corpus, postgresql):
    runs = [prepare(fresh_corpus(f"recorded/{name}")).submit_dir for name in RUNS]
    for submit_dir in runs:
        caught_up(submit_dir)
    start = multiprocessing.Barrier(len(runs))
    monitors = [
        multiprocessing.Process(target=_catch_up_when_told, args=(run.path, postgresql, start))
        for run in runs
    ]
    for monitor in monitors:
        monitor.start()
    for monitor in monitors:
        monitor.join(120)
    assert [monitor.exitcode for monitor in monitors] == [0] * len(runs)
    alone, together = [dump(run.database) for run in runs], dump(postgresql)
    for table in together:
        apart = [row for tables in alone for row in tables[table]]
        if table in SHARED:
            # What two workflows call by one name is one row; who wrote last has the say.
            assert {row[:2] for row in together[table]} == {row[:2] for row in apart}, table
            assert len(together[table]) == len({row[: 2 if table == "rc_meta" else 3] for row in apart}), (
                table
            )
        else:
            assert together[table] == sorted(apart, key=repr), table


def test_two_workflows_take_the_same_new_files_at_once(postgresql):
    """Each holds files that the other wants next: one waits for the other, or is told to try again."""
    stores = [Store(database_url(postgresql)) for _ in range(2)]
    for number, store in enumerate(stores):
        store.create()
        store.commit(f"wf{number}", Changes([workflow(f"wf{number}")]))
    names = [f"file{number}" for number in range(500)]
    start = multiprocessing.Barrier(2)
    children = [
        multiprocessing.Process(target=_store_files, args=(postgresql, f"wf{number}", order, start))
        for number, order in enumerate((names, names[::-1]))
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    assert query(postgresql, "SELECT count(*) FROM rc_lfn") == [(500,)]
    assert query(postgresql, "SELECT count(*) FROM rc_pfn") == [(1000,)]
    for store in stores:
        store.close()


@pytest.mark.parametrize(("files", "transactions"), [(("a", "b"), 2), ((), 1)])
def test_workflows_that_share_a_transaction_name_no_files_in_an_order_of_their_own(
    postgresql, files, transactions
):
    with closing(Store(database_url(postgresql), claim=Claim("wf0", "a test"))) as store:
        store.create()
        for number in range(2):
            store.commit(f"wf{number}", Changes([workflow(f"wf{number}")]))
        ((before,),) = query(postgresql, "SELECT token FROM bridle_fence")
        with store.sharing():
            for number in range(2):
                rows = [FileMetaRow(name, "size", "1") for name in files[number:][:1]]
                store.commit(f"wf{number}", Changes([*rows, QuarantineRow("log", number, "a reason", "")]))
    assert query(postgresql, "SELECT count(*) FROM rc_lfn") == [(len(files),)]
    assert query(postgresql, "SELECT count(*) FROM bridle_quarantine") == [(2,)]
    assert query(postgresql, "SELECT token FROM bridle_fence") == [(before + transactions,)]


def _store_files(url: str, wf_uuid: str, names: list[str], start: Barrier) -> None:
    store = Store(database_url(url))
    start.wait(60)
    rows = [FileMetaRow(name, "size", wf_uuid) for name in names]
    store.commit(
        wf_uuid, Changes([*rows, *(FilePlaceRow(name, f"/{wf_uuid}/{name}", None) for name in names)])
    )
    store.close()


def database_url(url: str) -> URL:
    return parse_url("the test", url, Path("/"))


def workflow(wf_uuid: str) -> WorkflowRow:
    return WorkflowRow(
        wf_uuid, "a.dag", None, None, None, None, None, None, None, None, None, None, wf_uuid, None
    )


def test_rebuilding_one_workflow_leaves_the_others_alone(fresh_corpus, postgresql):
    runs = [prepare(fresh_corpus(f"recorded/{name}")).submit_dir for name in ("lclust", "diamond-condorio")]
    for submit_dir in runs:
        caught_up(submit_dir, postgresql)
    before = dump(postgresql)
    connection_rows = query(postgresql, "SELECT wf_id, wf_uuid FROM workflow ORDER BY wf_id")
    session.rebuild(runs[0], Limits(), url=postgresql)
    assert dump(postgresql) == before
    assert query(postgresql, "SELECT wf_id, wf_uuid FROM workflow ORDER BY wf_id") != connection_rows


def test_a_rebuild_that_fails_leaves_the_rows_as_they_were(fresh_corpus, postgresql, monkeypatch):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    caught_up(submit_dir, postgresql)
    before = dump(postgresql)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "_end_if_dagman_is_gone", fail)
    with pytest.raises(KeyboardInterrupt):
        session.rebuild(submit_dir, Limits(), url=postgresql)
    assert dump(postgresql) == before


def test_what_postgresql_cannot_hold_stops_nothing_and_is_named(postgresql):
    store = Store(database_url(postgresql))
    store.create()
    long = "long" * 1000
    rows = [
        workflow("wf"),
        FileMetaRow(f"{long}1", "size", "v" * 3000),
        FileMetaRow(f"{long}2", "size\0", "a\0b\udcff"),
        FilePlaceRow(f"{long}1", "gsiftp://" + "/x" * 2000, "site"),
    ]
    store.commit("wf", Changes(rows))
    store.commit("wf", Changes(rows[1:]))
    store.close()
    names = [str(name) for (name,) in query(postgresql, "SELECT lfn FROM rc_lfn ORDER BY lfn_id")]
    assert len(set(names)) == 2
    assert all(name.startswith(long[:700]) and len(name) <= 800 for name in names)
    assert ("v" * 3000,) in query(postgresql, "SELECT value FROM rc_meta")
    assert ("size\\x00", "a\\x00b\\udcff") in query(postgresql, "SELECT key, value FROM rc_meta")
    noted = [text for (text,) in query(postgresql, "SELECT text FROM bridle_quarantine")]
    assert f"{long}1" in noted
    assert f"{long}2" in noted
    assert len(noted) == 4
