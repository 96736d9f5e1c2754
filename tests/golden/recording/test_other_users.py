"""What root, or anybody else, leaves behind and gets to see in a directory that is not theirs. Needs root: two uids."""

from __future__ import annotations

import json
import os
import pwd
import time
from pathlib import Path

import pytest

from planner_ext.cli import run_command

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
    ["check"],
    ["graph"],
    ["rescue", "list"],
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
