"""`bridle site prune`: old runs go with all that is theirs, others' rows stay, and it can be cut off at any moment."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.schema import METADATA
from monitord_job.errors import AnotherDatabaseError
from monitord_job.lock import locked
from monitord_job.logs.tail import Cursor
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.pruning import deletion
from monitord_job.pruning.prune import Wish, prune
from monitord_job.pruning.reference_indexes import INDEXES
from monitord_job.recording.store import Changes, Store
from monitord_job.recording.transactions import Claim
from planner_ext.cli import run_command
from tests.support.database import check_sound, dump, query
from tests.support.recorded import prepare
from tests.support.rules import write_rules

KILLED = 9
STAYS = ("dbversion", "bridle_schema", "bridle_notifying")
SHARED = ("rc_lfn", "rc_pfn", "rc_meta")
"""Of what has a place, it cannot be said whose it is."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, work_dir: Path) -> str:
    """An empty database of each kind, which runs are to share."""
    if request.param == "sqlite":
        return f"sqlite:///{work_dir / 'site.db'}"
    found = request.getfixturevalue("postgresql")
    assert isinstance(found, str)
    return found


def place(url: str) -> Path | str:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else url


@pytest.fixture
def stored(fresh_corpus, url):
    """`stored(name)` -> a recorded run, in the shared database."""

    def store(name: str) -> SubmitDir:
        submit_dir = prepare(fresh_corpus(f"recorded/{name}")).submit_dir
        session.catch_up(submit_dir, Limits(database=60.0), url=url)
        return submit_dir

    return store


def pruned(url: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, tuple[bool, str | None]]:
    """What it says of each run: whether it goes, and why it stays."""
    capsys.readouterr()
    words = ["site", "prune", "--url", url, "--older-than", "2026-12-24", "--json", *options]
    assert run_command(words) == 0
    document = json.loads(capsys.readouterr().out)
    return {run["wf_uuid"]: (run["goes"], run["stays"]) for run in document["runs"]}


def left(url: str) -> dict[str, int]:
    """The tables that still have rows, and how many."""
    counts = {name: query(place(url), f'SELECT count(*) FROM "{name}"')[0][0] for name in METADATA.tables}
    return {name: int(str(count)) for name, count in counts.items() if count and name not in STAYS}


def places(url: str) -> dict[str, int]:
    """What must stay of the files: those that a replica catalog may hold."""
    text = "SELECT count(*) FROM {0} WHERE lfn_id IN (SELECT lfn_id FROM rc_pfn)"
    counts = {name: int(str(query(place(url), text.format(name))[0][0])) for name in SHARED}
    return {name: count for name, count in counts.items() if count}


def without_files(url: str) -> dict[str, object]:
    return {table: rows for table, rows in dump(place(url)).items() if table not in SHARED}


def test_a_run_goes_with_all_that_is_its_own_and_the_others_stay(url, stored, capsys):
    failed = stored("fan100-missinginput")
    alone, its_files = without_files(url), left(url)["rc_lfn"]
    gone = [stored(name) for name in ("lclust", "subwf-dag-monitordcrash")]
    whole = dump(place(url))
    assert pruned(url, capsys, "--dry-run") == {run.wf_uuid: (True, None) for run in (failed, *gone)}
    assert dump(place(url)) == whole
    kept = (False, "it ended as failed")
    assert pruned(url, capsys, "--keep-failed") == {gone[0].wf_uuid: (True, None)} | {
        run.wf_uuid: kept for run in (failed, gone[1])
    }
    assert dump(place(url))["workflow"] == [row for row in whole["workflow"] if row[0] != gone[0].wf_uuid]
    assert pruned(url, capsys) == {run.wf_uuid: (True, None) for run in (failed, gone[1])}
    # Nothing is left but files, of which nobody knows whose they are.
    assert left(url).keys() == set(SHARED)
    assert left(url)["rc_lfn"] > places(url)["rc_lfn"]
    assert pruned(url, capsys, "--unnamed-files") == {}
    assert left(url) == places(url)
    session.catch_up(failed, Limits(database=60.0), url=url)
    assert without_files(url) == alone
    assert left(url)["rc_lfn"] >= its_files
    if isinstance(place(url), Path):
        check_sound(place(url))


def test_younger_runs_and_those_of_others_stay(url, stored, capsys):
    run = stored("diamond-condorio")
    whole = dump(place(url))
    assert run_command(["site", "prune", "--url", url, "--older-than", "2020-01-01"]) == 0
    assert "0 runs of 0 jobs pruned (0 rows), 0 stay" in capsys.readouterr().out
    change(url, "DELETE FROM bridle_run")  # as pegasus-monitord leaves a run
    assert pruned(url, capsys) == {}
    assert dump(place(url)) == whole
    assert run.wf_uuid


def change(url: str, text: str) -> None:
    """A statement of an administrator's."""
    where = place(url)
    if isinstance(where, str):
        import psycopg

        with psycopg.connect(where) as connection:
            connection.execute(text)
        return
    import sqlite3

    with closing(sqlite3.connect(where)) as connection:
        connection.execute(text)
        connection.commit()


def test_one_that_is_not_over_stays_and_it_says_why(url, stored, capsys):
    run = stored("diamond-condorio")
    whole = dump(place(url))

    def stays() -> str | None:
        return pruned(url, capsys)[run.wf_uuid or ""][1]

    # The places in the database are those where it ran: the lock is looked for there.
    change(url, f"UPDATE workflow SET submit_dir = '{run.path}'")
    with locked(run.lock):
        assert stays() == "its monitor is at work"
    change(url, f"INSERT INTO bridle_event (wf_uuid, number, text) VALUES ('{run.wf_uuid}', 1, 'x')")
    assert stays() == "events of it are not written out"
    change(url, "DELETE FROM bridle_event")
    change(url, "DELETE FROM workflowstate WHERE state = 'WORKFLOW_TERMINATED'")
    assert stays() == "its end is not stored"
    assert {**dump(place(url)), "workflowstate": 0, "workflow": 0} == {
        **whole,
        "workflowstate": 0,
        "workflow": 0,
    }


def test_notifications_are_delivered_first_and_never_twice(url, fresh_corpus, capsys, work_dir):
    run = prepare(fresh_corpus("recorded/diamond-condorio")).submit_dir
    write_rules(run.notify, "")
    write_rules(run.bridle_notify, "JOB * all /bin/true\nWORKFLOW * end /bin/true\n")
    session.catch_up(run, Limits(database=60.0), url=url, notify=True)
    before = query(place(url), "SELECT state, count(*) FROM bridle_notification GROUP BY state")
    assert dict(before).keys() == {"delivered"} or dict(before).keys() == {"due"}
    change(url, "UPDATE bridle_notification SET state = 'due'")
    goes, why = pruned(url, capsys)[run.wf_uuid]
    assert not goes
    assert why == f"{sum(int(str(number)) for _, number in before)} of its notifications are not delivered"
    change(url, "UPDATE bridle_notification SET state = 'delivered'")
    assert pruned(url, capsys)[run.wf_uuid] == (True, None)
    assert "bridle_notification" not in left(url)
    # Asked about again, the run comes back from its logs, and all of that is old news.
    session.catch_up(run, Limits(database=60.0), url=url)
    assert left(url)["jobstate"]
    assert "bridle_notification" not in left(url)


def test_a_monitor_of_which_nobody_knew_stores_what_was_taken_anew(url, stored, capsys):
    run = stored("diamond-condorio")
    claim = Claim(run.wf_uuid or "", "a monitor on another host")
    with closing(Store(_driver(url), claim=claim)) as store:
        store.create()
        assert pruned(url, capsys)[run.wf_uuid] == (True, None)
        with pytest.raises(AnotherDatabaseError):
            store.commit(run.wf_uuid or "", Changes([], {"log": Cursor(1)}))
        store.create()
        assert store.stored(run.wf_uuid or "").cursors() == {}


def _driver(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg:")


def killed(url: str, at: int) -> int:
    """Prune in a process of its own that dies without a word around its transaction number `at`; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code, count = 1, 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == at:
            os._exit(KILLED)

    try:
        with pytest.MonkeyPatch.context() as patch:
            small(patch)
            change_rows = Bulk.change

            def stepping(self: Bulk, text: str, *values: object) -> int:
                step()  # in the middle of a transaction
                return change_rows(self, text, *values)

            patch.setattr(Bulk, "change", stepping)
            prune(Wish(url, time.time() + 1e6), lambda _name, _rows: step())
            code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def small(patch: pytest.MonkeyPatch) -> None:
    for name, size in (("_JOBS", 2), ("_TASKS", 2), ("_ROWS", 3)):
        patch.setattr(deletion, name, size)


def test_cut_off_at_any_step_the_next_one_goes_on(url, fresh_corpus, capsys):
    run = prepare(fresh_corpus("recorded/diamond-condorio")).submit_dir
    other = prepare(fresh_corpus("recorded/lclust")).submit_dir
    for each in (run, other):
        session.catch_up(each, Limits(database=60.0), url=url)
    change(url, f"UPDATE workflowstate SET timestamp = {time.time() + 2e6} WHERE {of(other)}")
    whole = without_files(url)
    at, step = 0, 7 if url.startswith("sqlite") else 23
    while True:
        at += step
        session.catch_up(run, Limits(database=60.0), url=url)
        assert without_files(url) == whole
        code = killed(url, at)
        assert code in (0, KILLED)
        if code == 0:
            break
        listed = run_command(["list", "--url", url, "--json"])
        assert listed == 0
        runs = json.loads(capsys.readouterr().out)["runs"]
        assert {one["wf_uuid"] for one in runs} - {run.wf_uuid} == {other.wf_uuid}
        assert prune(Wish(url, time.time() + 1e6), lambda _name, _rows: None).rows
        assert query(place(url), "SELECT count(*) FROM workflow") == [(1,)]
    assert at > 100


def of(run: SubmitDir) -> str:
    return f"wf_id = (SELECT wf_id FROM workflow WHERE wf_uuid = '{run.wf_uuid}')"


def test_a_reader_between_two_prunes_begins_anew(url, fresh_corpus):
    run = prepare(fresh_corpus("recorded/diamond-condorio")).submit_dir
    session.catch_up(run, Limits(database=60.0), url=url)
    whole = without_files(url)
    assert killed(url, 40) == KILLED
    session.catch_up(run, Limits(database=60.0), url=url)
    # Its rows are there beside what is left of the old ones, which have another uuid.
    uuids = query(place(url), "SELECT wf_uuid FROM workflow ORDER BY wf_uuid")
    assert (run.wf_uuid,) in uuids
    assert len(uuids) == 2
    prune(Wish(url, 0.0), lambda _name, _rows: None)
    assert without_files(url) == whole


def test_the_first_prune_makes_indexes_also_after_one_was_cut_off(url, stored, capsys):
    stored("diamond-condorio")
    if not url.startswith("sqlite"):
        change(url, "CREATE INDEX bridle_task_job ON task (job_id)")
        change(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bridle_task_job'::regclass")
    words = ["site", "prune", "--url", url, "--older-than", "2026-12-24", "--json"]
    assert run_command([*words, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["indexes"] == list(INDEXES)
    assert run_command(words) == 0
    assert json.loads(capsys.readouterr().out)["indexes"] == list(INDEXES)
    assert run_command(words) == 0
    assert json.loads(capsys.readouterr().out)["indexes"] == []


def test_files_of_somebody_else_and_what_is_no_database_are_refused(work_dir, capsys, monkeypatch):
    words = ["site", "prune", "--older-than", "90d"]
    assert run_command(words) == 2
    assert "--url names it" in capsys.readouterr().err
    assert run_command([*words, "--url", f"sqlite:///{work_dir / 'none.db'}"]) == 2
    assert not (work_dir / "none.db").exists()
    (work_dir / "empty.db").touch()
    assert run_command([*words, "--url", f"sqlite:///{work_dir / 'empty.db'}"]) == 2
    assert "there is no Stampede database" in capsys.readouterr().err
    assert files.read_if_there(work_dir / "empty.db") == b""
