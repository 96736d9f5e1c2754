"""What root, or anybody else, leaves behind and gets to see in a directory that is not theirs. Needs root: two uids."""

from __future__ import annotations

import json
import os
import pwd
import time
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_dag
from monitord_job.cli.bridle_notify import notify
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.readers.other_users import seen_database
from planner_ext.cli import run_command
from tests.support.database import query

NOBODY = pwd.getpwnam("nobody").pw_uid
pytestmark = pytest.mark.second_user


@pytest.fixture
def theirs(work_dir: Path) -> Path:
    """A DAG in a directory of another user's, with a rule that would run a command."""
    folder = work_dir / "theirs"
    folder.mkdir()
    (folder / "a.sub").write_text("universe = local\nexecutable = /bin/true\nqueue\n")
    (folder / "x.dag").write_text("JOB a a.sub\n")
    (folder / "x.bridle-notify").write_text(f"WORKFLOW x start touch {work_dir}/ran\n")
    (folder / "x.bridle.jobstate.log").write_text(
        "1795410615 INTERNAL *** DAGMAN_STARTED 1.0 ***\n1795410616 a SUBMIT 2.0 - - 1\n"
    )
    given(folder)
    return folder


def given(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, -1, follow_symlinks=False)


def names(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.name: (path.lstat().st_uid, path.lstat().st_mtime_ns) for path in (folder, *folder.rglob("*"))
    }


READING = [
    ["status"],
    ["status", "--json"],
    ["recover"],
    ["notifications"],
    ["metrics"],
    ["condorio"],
    ["check"],
    ["graph"],
    ["rescue", "list"],
    ["statistics", "-s", "all"],
    ["notify", "list"],
    ["rewrite", "--diff"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_that_reads_leaves_the_directory_as_it_is(theirs, words):
    before = names(theirs)
    run_command([*words, str(theirs / "x.dag")])
    assert names(theirs) == before


ACTING = [
    ["run"],
    ["rewrite"],
    ["rewrite", "--undo"],
    ["recover", "--fix"],
    ["notifications", "--resend", "failed"],
    ["monitord", "--catch-up"],
    ["monitord", "--rebuild"],
    ["notify", "add", "--on", "end", "--cmd", "/bin/true"],
    ["halt"],
    ["resume"],
]


@pytest.mark.parametrize("words", ACTING, ids=" ".join)
def test_a_command_that_acts_refuses_and_says_whose_it_is(theirs, words, capfd):
    before = names(theirs)
    assert run_command([*words, str(theirs / "x.dag")]) == (1 if words[0] == "monitord" else 2)
    assert "belongs to nobody" in capfd.readouterr().err
    assert names(theirs) == before
    assert not (theirs.parent / "ran").exists()


def test_status_shows_what_is_stored_and_says_whose_run_it_is(theirs, capfd, caplog):
    for path in (theirs, *theirs.rglob("*")):
        os.chown(path, 0, -1)
    assert run_command(["status", str(theirs / "x.dag")]) == 0
    given(theirs)
    with (theirs / "x.bridle.jobstate.log").open("a") as log:
        log.write("1795410617 INTERNAL *** DAGMAN_FINISHED 0 ***\n")
    before = names(theirs)
    capfd.readouterr()
    assert run_command(["status", "--json", str(theirs / "x.dag")]) == 0
    assert json.loads(capfd.readouterr().out)["state"] == "running", "as it was stored last"
    assert "belongs to nobody" in caplog.text
    assert names(theirs) == before


def test_of_a_run_that_nobody_has_stored_the_logs_are_shown(theirs, capfd, caplog):
    """In a copy of one's own; of what links lead to, nothing is read that its owner could not read."""
    secret = theirs.parent / "secret"
    secret.write_text("of root alone\n")
    secret.chmod(0o600)
    (theirs / "a.sub").write_text(
        "universe = local\nexecutable = /bin/false\nerror = a.err\noutput = a.out\nqueue\n"
    )
    (theirs / "a.err").write_text("of nobody\n")
    with (theirs / "x.bridle.jobstate.log").open("a") as log:
        log.write("1795410617 a EXECUTE 2.0 - - 1\n1795410618 a JOB_TERMINATED 2.0 - - 1\n")
        log.write("1795410618 a JOB_FAILURE 1 - - 1\n1795410619 INTERNAL *** DAGMAN_FINISHED 1 ***\n")
    for is_link in (False, True):
        if is_link:
            (theirs / "a.err").unlink()
            (theirs / "a.err").symlink_to(secret)
        given(theirs)
        before = names(theirs)
        assert run_command(["status", "--json", str(theirs / "x.dag")]) == 0
        said = capfd.readouterr().out
        assert json.loads(said)["state"] == "failed"
        assert json.loads(said)["quarantined"] == is_link, "what could not be read is counted"
        copy = seen_database(identified(open_dag(theirs / "x.dag")), "nobody").file
        assert copy is not None
        ((text,),) = query(copy, "SELECT stderr_text FROM job_instance")
        assert text == (None if is_link else "of nobody%0A")
        assert names(theirs) == before
    assert "this run belongs to nobody, and nothing of it is stored" in caplog.text


def test_of_a_run_that_has_not_begun_it_is_said(theirs, capfd):
    (theirs / "x.bridle.jobstate.log").unlink()
    (theirs / "low").mkdir()
    (theirs / "low" / "inner.dag").write_text("JOB b ../a.sub\n")
    (theirs / "y.dag").write_text("SUBDAG EXTERNAL inner inner.dag DIR low\n")
    given(theirs)
    before = names(theirs)
    for dag in ("x.dag", "y.dag", "low/inner.dag"):
        assert run_command(["status", "--json", str(theirs / dag)]) == 0
        assert json.loads(capfd.readouterr().out)["state"] == "not started"
    assert names(theirs) == before


def test_a_message_on_it_is_made_of_the_same(theirs, capfd):
    before = names(theirs)
    words = ["--run", str(theirs / "x.dag"), "--dry-run"]
    assert run_command(words, notify, "bridle-notify") == 0
    assert "x: workflow: running" in capfd.readouterr().out
    assert names(theirs) == before


def test_no_lock_and_no_log_is_followed_through_a_link(theirs):
    victim = theirs.parent / "victim"
    victim.write_text("precious\n")
    for name in ("x.bridle.lock", "x.bridle.log", "x.dag.lock"):
        (theirs / name).symlink_to(victim)
    given(theirs)
    for words in (*READING, *ACTING):
        run_command([*words, str(theirs / "x.dag")])
    assert victim.read_text() == "precious\n"


def test_a_database_elsewhere_that_the_properties_name_is_not_opened(theirs, capfd):
    secret = theirs.parent / "secret.db"
    secret.touch()
    (theirs / "x.bridle.properties").write_text(f"pegasus.catalog.workflow.url = sqlite:///{secret}\n")
    given(theirs)
    assert run_command(["status", str(theirs / "x.dag")]) == 2
    assert str(secret) in capfd.readouterr().err


def test_root_does_it_as_the_owner_if_told_so(theirs):
    """In a process of its own, which cannot become root again."""
    child = os.fork()
    if child == 0:
        theirs.parent.chmod(0o755)
        # What is imported later: this Python may be in a directory that only root can read.
        time.strptime("", "")
        run_command(["rewrite", "--dry-run", str(theirs / "x.dag")])
        code = run_command(["rewrite", "--as-owner", str(theirs / "x.dag")])
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {uid for uid, _ in names(theirs).values()} == {NOBODY}
    assert "SERVICE" in (theirs / "x.dag").read_text()
