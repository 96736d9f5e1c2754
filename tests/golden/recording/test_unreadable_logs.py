"""Runs whose logs do not say what the nodes did: that is said, by each command that would have told."""

from __future__ import annotations

import contextlib
import json
import re
import tarfile
from pathlib import Path

import pytest
from rich.console import Console

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.cli.bridle_notify import notify
from monitord_job.cli.common import open_run
from monitord_job.diagnosis import facts
from monitord_job.diagnosis.diagnose import diagnose
from monitord_job.diagnosis.run_states import Condition, Diagnosis
from monitord_job.logs.dagman_out_summary import refusal_in
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.readers.run_outcome import RunState, state_of
from monitord_job.readers.status import read_status
from monitord_job.readers.status_view import as_mapping, show
from planner_ext.cli import run_command
from tests.support.database import query

RECORDED = Path(__file__).with_name("dagman_out") / "time_formats.tar.xz"
DAGMAN_LOG = (
    b"000 (99.000.000) 2026-11-30 03:43:08 Job submitted from host: <127.0.0.1:9618>\n...\n"
    b"005 (99.000.000) 2026-11-30 03:43:27 Job terminated.\n\t(1) Normal termination (return value %d)\n...\n"
)


pytestmark = pytest.mark.usefixtures("no_schedd")


def ran(folder: Path, log: str | None, code: int = 1) -> SubmitDir:
    """A DAG that plain condor_submit_dag ran, as DAGMan left it; `log` is one of the recorded ones."""
    (folder / "x.dag").write_text("JOB fit a.sub\nJOB sum b.sub\nPARENT fit CHILD sum\n")
    (folder / "x.dag.dagman.log").write_bytes(DAGMAN_LOG % code)
    if log is not None:
        with tarfile.open(RECORDED) as archive:
            member = archive.extractfile(f"time_formats/{log}.dagman.out")
            assert member is not None
            (folder / "x.dag.dagman.out").write_bytes(member.read())
    return open_run(folder / "x.dag")


def told(submit_dir: SubmitDir, capsys: pytest.CaptureFixture[str]) -> tuple[RunState, Diagnosis, str]:
    run, diagnosis = read_status(submit_dir), diagnose(facts.gather(submit_dir))
    show(run, Console(width=300, highlight=False), diagnosis)
    text = capsys.readouterr().out
    shown = as_mapping(run, diagnosis)
    assert json.loads(json.dumps(shown)) == shown
    assert bool(shown["unreadable"]) == bool(diagnosis.unreadable)
    return state_of(run, diagnosis), diagnosis, text


@pytest.mark.parametrize("log", ["verb0", "verb1", "verb2"])
def test_a_log_of_low_verbosity(tmp_path, capsys, log):
    state, diagnosis, text = told(ran(tmp_path, log), capsys)
    assert (state, diagnosis.condition) == (RunState.FAILED, Condition.FAILED)
    assert "DAGMAN_VERBOSITY was" in text
    assert "is not known" in text
    assert "0 of 2" not in text
    assert "refused" not in text
    assert diagnosis.findings


@pytest.mark.parametrize(("code", "state"), [(0, RunState.SUCCEEDED), (1, RunState.FAILED)])
def test_logs_that_were_deleted(tmp_path, capsys, code, state):
    found, diagnosis, text = told(ran(tmp_path, None, code), capsys)
    assert found is state
    assert "x.dag.dagman.out is there" in text
    assert "0 of 2" not in text
    assert "all is done" not in f"{text}{diagnosis.what}"


def with_emptied_log(submit_dir: SubmitDir) -> SubmitDir:
    with submit_dir.dag_file.open("a") as dag:
        dag.write("JOBSTATE_LOG states.log\n")
    (submit_dir.path / "states.log").touch()
    return open_run(submit_dir.dag_file)


COMMANDS = ("analyzer", "jobs", "statistics", "rescue show", "rescue list", "message")


@pytest.mark.parametrize("left", ["dagman.log", "metrics", "empty JOBSTATE_LOG"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_takes_what_cannot_be_known_for_what_has_not_run(tmp_path, capsys, caplog, command, left):
    submit_dir = ran(tmp_path, None, 0)
    if left == "metrics":
        submit_dir.dagman_log.unlink()
        (tmp_path / "x.dag.metrics").write_text('{"dagman_id": "99", "exitcode": 0, "nodes_failed": 0}')
    if left == "empty JOBSTATE_LOG":
        submit_dir = with_emptied_log(submit_dir)
    state, diagnosis, text = told(submit_dir, capsys)
    assert (state, diagnosis.condition) == (RunState.SUCCEEDED, Condition.SUCCEEDED)
    assert "x.dag.dagman.out is" in text
    if command == "message":
        with contextlib.suppress(SystemExit):
            notify(["--run", str(submit_dir.dag_file), "--dry-run"])
    else:
        run_command([*command.split(), str(submit_dir.dag_file)])
    said = f"{capsys.readouterr().out}{caplog.text}"
    is_told = (
        "cannot be known",
        "the last run succeeded",
        "the last run, which succeeded",
        "no JOBSTATE_LOG",
    )
    assert any(words in said for words in is_told), said
    assert "has not run" not in said
    assert "nothing has run" not in said
    assert "0 of 2" not in said


def test_a_jobstate_log_that_was_emptied_leaves_what_dagman_out_says(tmp_path, capsys):
    submit_dir = with_emptied_log(ran(tmp_path, "verb4"))
    state, _, text = told(submit_dir, capsys)
    assert state is RunState.FAILED
    assert "1 of 2 jobs done" in text


def test_a_dag_with_a_jobstate_log_of_its_own_is_not_behind(tmp_path, capsys):
    submit_dir = with_emptied_log(ran(tmp_path, None, 0))
    lines = ("INTERNAL *** DAGMAN_STARTED 99.0 ***", "fit SUBMIT 7.0 - - 1", "fit JOB_SUCCESS 0 - - 1")
    text = "".join(f"{1_795_411_642 + at} {line}\n" for at, line in enumerate(lines))
    (tmp_path / "states.log").write_text(f"{text}1795411700 INTERNAL *** DAGMAN_FINISHED 0 ***\n")
    _, diagnosis, text = told(submit_dir, capsys)
    assert diagnosis.findings == ()
    assert "1 of 2 jobs done" in text


def test_without_a_jobstate_log_rescue_says_what_is_stored(tmp_path, capsys):
    submit_dir = ran(tmp_path, "verb4")
    told(submit_dir, capsys)
    assert run_command(["rescue", "show", "--json", str(submit_dir.dag_file)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["done"], shown["failed"], shown["never_started"]) == (["fit"], ["sum"], [])


@pytest.mark.parametrize("command", [("redo", "sum"), ("redo", "sum", "--dry-run")])
def test_redo_of_a_run_that_nobody_kept_knows_from_its_log_what_is_done(tmp_path, capsys, command):
    """Without a JOBSTATE_LOG and without a rescue DAG: DAGMan was killed, or told to write none."""
    submit_dir = ran(tmp_path, "verb4")
    assert run_command(["rescue", command[0], str(submit_dir.dag_file), *command[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["sum"]
    made = tmp_path / "x.dag.rescue001"
    if "--dry-run" in command:
        assert not made.exists()
    else:
        assert [line for line in made.read_text().splitlines() if line.startswith("DONE")] == ["DONE fit"]


@pytest.mark.parametrize("log", [None, "verb1"])
def test_redo_does_not_make_all_run_again_where_nothing_says_what_is_done(tmp_path, capsys, caplog, log):
    submit_dir = ran(tmp_path, log)
    assert run_command(["rescue", "redo", str(submit_dir.dag_file), "sum"]) == 2
    said = f"{capsys.readouterr()}{caplog.text}"
    assert "nothing that is left says which nodes of x.dag are done" in said
    assert "bridle rescue scratch" in said
    assert "x.dag.rescue001" in said
    assert not list(tmp_path.glob("*.rescue*"))
    assert run_command(["rescue", "scratch", str(submit_dir.dag_file)]) == 0


def test_nothing_but_a_rescue_dag_is_left(tmp_path, capsys):
    submit_dir = ran(tmp_path, None)
    submit_dir.dagman_log.unlink()
    (tmp_path / "x.dag.rescue001").write_text("DONE fit\n")
    state, diagnosis, text = told(submit_dir, capsys)
    assert (state, diagnosis.condition) == (RunState.FAILED, Condition.FAILED)
    assert "x.dag.rescue001" in diagnosis.what
    assert "logs are gone" in text


def test_logs_that_were_deleted_after_they_were_stored(tmp_path, capsys):
    submit_dir = ran(tmp_path, "verb4")
    before = told(submit_dir, capsys)
    for log in (submit_dir.dagman_out, submit_dir.dagman_log):
        log.unlink()
    state, diagnosis, text = told(submit_dir, capsys)
    assert (state, diagnosis.condition) == (before[0], before[1].condition)
    assert state is RunState.FAILED
    assert not diagnosis.unreadable
    assert "1 of 2 jobs done" in text


def test_a_nodes_log_that_dagman_names_after_the_run_was_opened(tmp_path):
    """`bridle run --wait` opens a run before it is submitted, and stores it where no monitor came to work."""
    (tmp_path / "x.dag").write_text("JOB fit a.sub\nJOB sum b.sub\nPARENT fit CHILD sum\n")
    opened = open_run(tmp_path / "x.dag")
    ran(tmp_path, "verb4")
    log = opened.dagman_out.read_bytes()
    (tmp_path / "n").mkdir()
    opened.dagman_out.write_bytes(
        log.replace(b"/home/scientist/verb4/./x.dag.nodes", b"%b/n/nodes" % bytes(tmp_path))
    )
    job = re.search(rb"ULOG_EXECUTE for HTCondor Node fit \((\d+)", log)
    assert job is not None
    event = (
        b"001 (%b.000.000) 2026-11-30 03:43:15 Job executing on host: <127.0.0.1:1?alias=node7>\n...\n"
        % job[1]
    )
    (tmp_path / "n/nodes.log").write_bytes(event)
    opened.condor_sub.write_text('arguments = "-f -Dag x.dag"\nqueue\n')
    read_status(opened)
    assert query(opened.database, "SELECT hostname FROM host") == [("node7",)]


def written_east(log: bytes, hours: int) -> bytes:
    """The log, with the times before its lines so many hours ahead."""
    stamp = re.compile(rb"^(11/30/26) (\d\d)", re.MULTILINE)
    return stamp.sub(lambda at: b"%b %02d" % (at[1], int(at[2]) + hours), log)


def test_a_dagman_with_a_time_zone_of_its_own(tmp_path):
    """It has the TZ of who submitted it, the schedd has the machine's: that says when it was started."""
    seen = []
    for hours in (0, 5):
        folder = tmp_path / str(hours)
        folder.mkdir()
        submit_dir = ran(folder, "verb4")
        log = submit_dir.dagman_out.read_bytes()
        begun = re.search(rb"^11/30/26 (\S+) Workflow batch-id: <(\d+)", log, re.MULTILINE)
        assert begun is not None
        started = b"001 (%b.000.000) 2026-11-30 %b Job executing on host: <127.0.0.1:1>\n...\n" % (
            begun[2],
            begun[1],
        )
        submit_dir.dagman_log.write_bytes(DAGMAN_LOG.replace(b"(99.", b"(%b." % begun[2]) % 1 + started)
        submit_dir.dagman_out.write_bytes(written_east(log, hours))
        run = read_status(submit_dir)
        seen.append((run.started, run.ended, run.count()))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("form", "behind"), [("", True), ("Z", False)])
def test_the_jobstate_log_of_a_dagman_with_a_time_zone_of_its_own(tmp_path, form, behind):
    """Times of events are those of the nodes' log, taken for its own zone's unless they are in UTC."""
    seen = []
    for hours in (0, 5):
        with tarfile.open(RECORDED.with_name("tolerance.tar.xz")) as archive:
            archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # as in tests/conftest.py
            archive.extractall(tmp_path / str(hours))
        folder = tmp_path / str(hours) / "tolerance"
        with (folder / "x.dag").open("a") as dag:
            dag.write("JOB early early.sub\nSCRIPT PRE early e.sh\n")
        began, *lines = (folder / "js.log").read_text().splitlines()
        late = 3600 * hours * behind
        lines = [line if "INTERNAL" in line else f"{int(line[:10]) - late}{line[10:]}" for line in lines]
        own = [f"1796063036 early PRE_SCRIPT_{word} - - - 9" for word in ("STARTED", "FAILURE")]
        (folder / "js.log").write_text("\n".join([began, *own, *lines, ""]))
        out, log = folder / "x.dag.dagman.out", folder / "x.dag.dagman.log"
        out.write_bytes(written_east(out.read_bytes(), hours))
        log.write_text(re.sub(r"(2026-11-30 \S+)", rf"\1{form}", log.read_text()))
        run = open_run(folder / "x.dag")
        catch_up(run, Limits())
        query_of = (
            "SELECT exec_job_id, state, timestamp FROM jobstate JOIN job_instance USING (job_instance_id)"
        )
        seen.append(query(run.database, f"{query_of} JOIN job USING (job_id) ORDER BY 3, 1, 2"))
        assert len(seen[-1]) > 80
    assert seen[0] == seen[1]


def test_a_log_that_tells_is_not_called_unreadable(tmp_path, capsys):
    for name in ("verb4", "german", "flags2"):
        folder = tmp_path / name
        folder.mkdir()
        state, diagnosis, text = told(ran(folder, name), capsys)
        assert state is RunState.FAILED
        assert not diagnosis.unreadable
        assert "1 of 2 jobs done" in text
        assert "could not be read" not in text


def test_that_nodes_failed_is_no_refusal():
    log = b"x STARTING UP\nx ERROR: the following job(s) failed:\nx   Node Name: sum\n"
    assert refusal_in(log) == ""
