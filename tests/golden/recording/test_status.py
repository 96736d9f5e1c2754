"""What `bridle status` says of a run, and on whose."""

from __future__ import annotations

import errno
import json
import shutil

import pytest
from rich.console import Console

from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.cli.common import open_run
from monitord_job.lock import locked
from monitord_job.monitor import session
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.run_outcome import RunState, state_of
from monitord_job.readers.status import read_status
from monitord_job.readers.status_view import as_mapping, show
from tests.support.recorded import prepare


def test_a_failed_run_says_what_failed_and_where_to_look(fresh_corpus, capsys):
    submit_dir, _ = prepare(fresh_corpus("recorded/fan100-missinginput"))
    found = read_status(submit_dir)
    assert state_of(found) is RunState.FAILED
    counts = found.count()
    assert counts[NodeStatus.FAILED] == 97
    assert counts[NodeStatus.SUCCEEDED] == 7
    show(found, Console(width=200, highlight=False))
    text = capsys.readouterr().out
    assert "failed, DAGMan exit code 1" in text
    assert "failed: 77 more" in text
    assert text.count(", see 00/") == 20
    shown = as_mapping(found)
    assert json.loads(json.dumps(shown)) == shown
    assert len(shown["failed"]) == 97
    assert {job["attempts"] for job in shown["failed"]} == {2}


def test_a_run_in_the_middle_is_running(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    lines = submit_dir.jobstate_log.read_bytes().splitlines(keepends=True)
    submit_dir.jobstate_log.write_bytes(b"".join(lines[:20]))
    schedd, _, end = submit_dir.dagman_log.read_bytes().partition(b"005 (")
    submit_dir.dagman_log.write_bytes(schedd)
    found = read_status(submit_dir)
    assert state_of(found) is RunState.RUNNING
    counts = found.count()
    assert counts[NodeStatus.SUCCEEDED] == 2
    assert counts[NodeStatus.UNREADY] > 0
    submit_dir.jobstate_log.write_bytes(b"".join(lines))
    submit_dir.dagman_log.write_bytes(schedd + b"005 (" + end)
    assert state_of(read_status(submit_dir)) is RunState.SUCCEEDED


def test_a_dagman_that_left_without_a_last_line_has_ended_the_run(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/diamond-condorio"))
    lines = submit_dir.jobstate_log.read_bytes().splitlines(keepends=True)
    assert b"DAGMAN_FINISHED" in lines[-1]
    submit_dir.jobstate_log.write_bytes(b"".join(lines[:-1]))
    found = read_status(submit_dir)
    assert state_of(found) is RunState.FAILED
    assert found.status == 2


def test_a_planned_directory_has_not_started(corpus, work_dir):
    shutil.copytree(corpus("planned/names"), work_dir / "names")
    (dag,) = (work_dir / "names").rglob("*.dag")
    found = read_status(open_submit_dir(dag.parent))
    assert state_of(found) is RunState.NOT_STARTED
    assert found.count() == {NodeStatus.UNREADY: len(found.jobs)}


def test_beside_a_live_monitor_the_database_is_only_read(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    before = read_status(submit_dir)
    submit_dir.jobstate_log.write_bytes(b"")
    with locked(submit_dir.lock) as held:
        assert held
        assert read_status(submit_dir) == before


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_somebody_else_s_run_is_shown_as_it_is_stored(fresh_corpus, monkeypatch, number):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    before = read_status(submit_dir)

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, "no", str(submit_dir.lock))

    monkeypatch.setattr(session, "catch_up", refused)
    assert read_status(submit_dir) == before
    submit_dir.database.unlink()
    with pytest.raises(OSError, match="no"):
        read_status(submit_dir)


def test_a_node_that_was_added_before_a_rescue_run_is_a_job_like_the_others(fresh_corpus):
    submit_dir, _ = prepare(fresh_corpus("recorded/lclust"))
    before = read_status(submit_dir)
    dag = submit_dir.dag_file.read_bytes()
    submit_dir.dag_file.write_bytes(dag + b"JOB added 00/00/split_split.sub\n")
    last = int(submit_dir.jobstate_log.read_text().splitlines()[-1].split()[0])
    with submit_dir.jobstate_log.open("a") as log:
        log.write(f"{last + 60} INTERNAL *** DAGMAN_STARTED 999.0 ***\n")
        log.write(f"{last + 61} added SUBMIT 1000.0 - - 16\n{last + 62} added JOB_SUCCESS 0 - - 16\n")
        log.write(f"{last + 63} INTERNAL *** DAGMAN_FINISHED 0 ***\n")
    found = read_status(submit_dir)
    assert len(found.jobs) == len(before.jobs) + 1
    assert found.count()[NodeStatus.SUCCEEDED] == len(found.jobs)
    assert found.restarts == 1


def test_a_line_is_a_line_where_no_terminal_is(fresh_corpus, tmp_path):
    found = read_status(prepare(fresh_corpus("recorded/failing-condorio")).submit_dir)
    with (tmp_path / "narrow").open("w") as narrow, (tmp_path / "wide").open("w") as wide:
        show(found, Console(file=narrow, width=20, highlight=False))
        show(found, Console(file=wide, width=400, highlight=False))
    lines = [(tmp_path / name).read_text().splitlines() for name in ("narrow", "wide")]
    assert [line for line in lines[0] if "failed: " in line] == [
        line for line in lines[1] if "failed: " in line
    ]
    assert max(map(len, lines[0])) > 20


LOG = """\
100 INTERNAL *** DAGMAN_STARTED 1.0 ***
101 inner SUBMIT 0.2147483647 - - 1
101 inner JOB_TERMINATED 0.2147483647 - - 1
101 inner JOB_SUCCESS 0 - - 1
102 INTERNAL *** DAGMAN_FINISHED 0 ***
"""


def test_of_a_sub_dag_that_is_a_noop_nothing_is_missed(work_dir):
    (work_dir / "x.dag").write_text("SUBDAG EXTERNAL inner inner.dag NOOP\n")
    (work_dir / "inner.dag").write_text("JOB sum a.sub\n")
    (work_dir / "x.bridle.jobstate.log").write_text(LOG)
    found = read_status(open_run(work_dir / "x.dag"))
    assert (found.count()[NodeStatus.SUCCEEDED], found.quarantined) == (1, 0)


def test_a_node_that_is_done_from_the_beginning_is_done(work_dir):
    (work_dir / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (work_dir / "s.dag").write_text("JOB X a.sub DONE\n")
    (work_dir / "x.dag").write_text(
        "JOB fit a.sub DONE\nJOB mark a.sub\nDONE mark\nSPLICE S s.dag\nJOB inner a.sub NOOP\nJOB late a.sub\n"
    )
    (work_dir / "x.bridle.jobstate.log").write_text(LOG)
    found = read_status(open_run(work_dir / "x.dag"))
    done = {job.name for job in found.jobs if job.status is NodeStatus.SUCCEEDED}
    assert done == {"fit", "mark", "S+X", "inner"}
    assert {job.name for job in found.jobs if job.status is NodeStatus.UNREADY} == {"late"}
