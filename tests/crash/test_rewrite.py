"""A rewrite or an undo that is killed between any two steps, finds the disk full, or a running workflow."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from condor_templates.errors import BridleError
from condor_templates.policy import MonitorKind
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.errors import DagSyntaxError, RunningError, SubmitDirError
from dag_rewriter.files import writing
from dag_rewriter.language.commands import NodeKind
from dag_rewriter.model.dag import parse_dag
from dag_rewriter.rescue.newest_rescue import newest_rescue
from dag_rewriter.rescue.rescue_dag import done_in
from dag_rewriter.rewriting.limits import with_limits, write_limits
from dag_rewriter.rewriting.originals import monitor_of
from dag_rewriter.rewriting.passes import ALL
from dag_rewriter.rewriting.rewrite import Options, is_rewritten, rewrite, undo
from tests.conftest import Corpus

OPTIONS = Options(executable="/opt/bridle/bin/bridle")


class KilledError(BaseException):
    """Stands for SIGKILL: nothing in the code may catch it."""


@pytest.fixture
def submit_dir(corpus: Corpus, tmp_path: Path) -> SubmitDir:
    (braindump,) = corpus("planned/subwf-dag").rglob("braindump.yml")
    copied = shutil.copytree(braindump.parent, tmp_path / "run0001")
    with (copied / "subdag-0.dag").open("a") as dag:
        dag.write("CONFIG user.config\n")
    (copied / "user.config").write_text("DAGMAN_VERBOSITY = 3\n")
    return open_submit_dir(copied)


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that changes the disk counts as a step; the given one is the last, and is done only half."""
    count = 0

    def wrapped(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == step:
                if name == "_write":
                    Path(str(arguments[0])).write_bytes(bytes(arguments[1])[:10])  # type: ignore[call-overload]
                raise KilledError
            return call(*arguments, **named)

        return counted

    monkeypatch.setattr(writing, "_write", wrapped("_write", writing._write))
    monkeypatch.setattr(writing, "_link", wrapped("_link", writing._link))
    monkeypatch.setattr(writing, "sync_directory", wrapped("sync", writing.sync_directory))
    monkeypatch.setattr(Path, "replace", wrapped("replace", Path.replace))
    monkeypatch.setattr(Path, "unlink", wrapped("unlink", Path.unlink))


def killed_everywhere(submit_dir: SubmitDir, work: Callable[[], object], then: Callable[[], None]) -> int:
    """Runs `work` killed at step 1, 2, ... on the same start, then `then`; gives the number of steps."""
    start = submit_dir.path.with_name("start")
    shutil.copytree(submit_dir.path, start)
    for step in range(1, 100):
        shutil.rmtree(submit_dir.path)
        shutil.copytree(start, submit_dir.path)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(step, patch)
            try:
                work()
            except KilledError:
                pass
            else:
                return step - 1
        then()
    pytest.fail("it does not end")


def test_a_rewrite_that_is_killed_leaves_a_working_dag(submit_dir: SubmitDir) -> None:
    planned = submit_dir.dag_file.read_bytes()
    complete: list[bytes] = []

    def look() -> None:
        now = submit_dir.dag_file.read_bytes()
        dag = parse_dag(now, submit_dir.dag)
        if now != planned:
            complete.append(now)
            assert submit_dir.planned_dag.read_bytes() == planned
            assert dag.config is not None
            assert (submit_dir.path / dag.config).read_bytes()
            assert dag.monitor is not None
            assert (submit_dir.path / dag.nodes[dag.monitor].submit_file).read_bytes().endswith(b"queue\n")
        rewrite(submit_dir, OPTIONS)
        assert is_rewritten(submit_dir)
        undo(submit_dir)
        assert submit_dir.dag_file.read_bytes() == planned

    steps = killed_everywhere(submit_dir, lambda: rewrite(submit_dir, OPTIONS), look)
    assert steps == 7 * 3 + 2 + 6, (
        "seven files to write, rename and make last; one to remove; before six, what a crash may have left goes"
    )
    assert len(set(complete)) == 1


@pytest.mark.parametrize("refused", [False, True])
def test_the_copy_of_the_planners_dag_is_a_link_where_links_are_allowed(
    submit_dir: SubmitDir, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    planned, inode = submit_dir.dag_file.read_bytes(), submit_dir.dag_file.stat().st_ino

    def refuse(source: Path, path: Path) -> None:
        raise OSError(1, os.strerror(1))

    if refused:
        monkeypatch.setattr(os, "link", refuse)
    rewrite(submit_dir, OPTIONS)
    assert (submit_dir.planned_dag.stat().st_ino == inode) is not refused
    assert submit_dir.dag_file.stat().st_ino != inode
    submit_dir.dag_file.write_bytes(submit_dir.dag_file.read_bytes() + b"RETRY prep_prep 9\n")
    assert submit_dir.planned_dag.read_bytes() == planned


def test_of_a_dag_that_is_a_symlink_a_copy_is_made(submit_dir: SubmitDir) -> None:
    elsewhere = submit_dir.path.with_name("elsewhere.dag")
    planned = submit_dir.dag_file.rename(elsewhere).read_bytes()
    submit_dir.dag_file.symlink_to(elsewhere)
    rewrite(submit_dir, OPTIONS)
    elsewhere.write_bytes(b"")
    assert submit_dir.planned_dag.read_bytes() == planned


def test_an_undo_that_is_killed_can_be_done_again(submit_dir: SubmitDir) -> None:
    before = content(submit_dir.path)
    rewrite(submit_dir, OPTIONS)

    def look() -> None:
        parse_dag(submit_dir.dag_file.read_bytes(), submit_dir.dag)
        undo(submit_dir)
        left = {name: data for name, data in content(submit_dir.path).items() if not name.endswith(".tmp")}
        assert left == before

    assert killed_everywhere(submit_dir, lambda: undo(submit_dir), look) == 2 * 4 + 6 * 2


def test_limits_that_are_set_and_killed_leave_the_old_or_the_new_dag(submit_dir: SubmitDir) -> None:
    for rewritten in (False, True):
        if rewritten:
            shutil.rmtree(submit_dir.path.with_name("start"))
            undo(submit_dir)
            rewrite(submit_dir, OPTIONS)
        before = submit_dir.dag_file.read_bytes()
        planned = (submit_dir.planned_dag if rewritten else submit_dir.dag_file).read_bytes()
        after = with_limits(before, {"cleanup": 9, "stagein": None})

        def look(before: bytes = before, after: bytes = after, planned: bytes = planned) -> None:
            assert submit_dir.dag_file.read_bytes() in (before, after)
            write_limits(submit_dir, {"cleanup": 9, "stagein": None})
            assert submit_dir.dag_file.read_bytes() == after
            undo(submit_dir)
            assert submit_dir.dag_file.read_bytes() == planned

        steps = killed_everywhere(
            submit_dir, lambda: write_limits(submit_dir, {"cleanup": 9, "stagein": None}), look
        )
        assert steps == (4 if rewritten else 8), "the copy, if it is not there, and the DAG"


def test_a_rescue_dag_is_mended_before_the_dag_changes(submit_dir: SubmitDir) -> None:
    """Killed anywhere, rewrite or undo: DAGMan never finds a rescue DAG that names a node which is not there."""
    rescue = submit_dir.path / "subdag-0.dag.rescue001"
    options = Options(executable=OPTIONS.executable, kind=MonitorKind.JOB)
    rewrite(submit_dir, options)
    rescue.write_bytes(b"# Rescue DAG file\nDONE prep_prep\nDONE bridle_monitor\n")

    def names_only_nodes() -> None:
        found = newest_rescue(submit_dir, None)
        assert found is not None
        dag = parse_dag(submit_dir.dag_file.read_bytes(), submit_dir.dag)
        assert not set(done_in(found.text)) - set(dag.nodes)
        undo(submit_dir)
        assert b"bridle_monitor" not in (submit_dir.path / "subdag-0.dag.rescue002").read_bytes()

    killed_everywhere(submit_dir, lambda: undo(submit_dir), names_only_nodes)
    shutil.rmtree(submit_dir.path.with_name("start"))
    assert rescue.read_bytes().endswith(b"DONE bridle_monitor\n"), "an old one is never edited"
    (submit_dir.path / "subdag-0.dag.rescue002").unlink()
    rescue.rename(submit_dir.path / "aside")
    rewrite(submit_dir, options)
    (submit_dir.path / "aside").rename(rescue)
    service = Options(executable=OPTIONS.executable, kind=MonitorKind.SERVICE)
    killed_everywhere(submit_dir, lambda: rewrite(submit_dir, service), names_only_nodes)


def test_a_read_only_directory_is_left_as_it_is(
    submit_dir: SubmitDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(submit_dir.path)

    def read_only(path: Path, data: bytes, mode: int | None) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(writing, "_write", read_only)
    for work in (
        lambda: rewrite(submit_dir, OPTIONS),
        lambda: rewrite(submit_dir, Options(executable="/b", kind=MonitorKind.JOB)),
        lambda: write_limits(submit_dir, {"cleanup": 9}),
    ):
        with pytest.raises(BridleError, match="the file system is read-only"):
            work()
    assert content(submit_dir.path) == before


def test_what_was_chosen_stays_until_undo(submit_dir: SubmitDir) -> None:
    choice = ALL - {"metrics", "categories"}
    planned = submit_dir.dag_file.read_bytes()
    rewrite(submit_dir, Options(executable=OPTIONS.executable, kind=MonitorKind.JOB, passes=choice))
    assert not rewrite(submit_dir, OPTIONS).changed, "as `bridle run` does it"
    monitor = monitor_of(submit_dir)
    assert monitor is not None
    assert monitor.kind is NodeKind.JOB
    assert not (submit_dir.path / "subdag-0.bridle.metrics").exists()
    undo(submit_dir)
    assert submit_dir.dag_file.read_bytes() == planned
    rewrite(submit_dir, OPTIONS)
    assert (submit_dir.path / "subdag-0.bridle.metrics").exists()


def test_a_full_disk_changes_nothing(submit_dir: SubmitDir, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(submit_dir.path)

    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BridleError, match="No space left on device; make room"):
        rewrite(submit_dir, OPTIONS)
    assert content(submit_dir.path) == before


@pytest.mark.parametrize("held_by", [fcntl.flock, fcntl.lockf])
def test_nothing_is_changed_under_a_running_dagman(
    submit_dir: SubmitDir, held_by: Callable[[int, int], None]
) -> None:
    """HTCondor 25 holds a lock on X.dag.lock (fcntl)."""
    submit_dir.dagman_lock.write_text("17\n")
    rewrite(submit_dir, OPTIONS)  # the file alone proves nothing: kill -9 leaves it behind
    before = content(submit_dir.path)
    with held_in_a_child(submit_dir.dagman_lock, held_by):
        assert not rewrite(submit_dir, OPTIONS).changed, "nothing to do is no error"
        with pytest.raises(RunningError):
            rewrite(submit_dir, Options(executable="/another/bridle"))
        with pytest.raises(RunningError):
            undo(submit_dir)
    assert content(submit_dir.path) == before


def test_no_undo_while_a_monitor_is_at_work(submit_dir: SubmitDir) -> None:
    rewrite(submit_dir, OPTIONS)
    submit_dir.lock.touch()
    with held_in_a_child(submit_dir.lock, fcntl.flock), pytest.raises(RunningError, match="a monitor"):
        undo(submit_dir)
    assert undo(submit_dir).changed


@contextmanager
def held_in_a_child(path: Path, hold: Callable[[int, int], None]) -> Iterator[None]:
    """A process of its own holds a lock: a POSIX lock does not hold against its own process."""
    program = (
        f"import fcntl, os; fd = os.open({str(path)!r}, os.O_RDWR); fcntl.{hold.__name__}(fd, fcntl.LOCK_EX)"
    )
    program += "; print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        yield
        child.kill()


def test_edits_of_a_rewritten_dag_are_kept(submit_dir: SubmitDir) -> None:
    planned = submit_dir.dag_file.read_bytes()
    rewrite(submit_dir, OPTIONS)
    edited = submit_dir.dag_file.read_bytes().replace(b"MAXJOBS stageout 10\n", b"MAXJOBS stageout 3\n")
    submit_dir.dag_file.write_bytes(edited + b"RETRY dagman_dag1 7\n")
    again = rewrite(submit_dir, OPTIONS)
    assert "edited since" in again.notes[0]
    back = undo(submit_dir)
    assert "edited since" in back.notes[0]
    assert submit_dir.planned_dag.read_bytes() == planned
    expected = planned.replace(b"stageout 10\n", b"stageout 3\n") + b"RETRY dagman_dag1 7\n"
    assert submit_dir.dag_file.read_bytes() == expected


def test_a_new_plan_in_the_same_directory_becomes_the_original(submit_dir: SubmitDir) -> None:
    first = submit_dir.dag_file.read_bytes()
    rewrite(submit_dir, OPTIONS)
    second = first.replace(b"RETRY", b"retry")
    submit_dir.dag_file.write_bytes(second)
    assert "kept as subdag-0.dag.planned.old" in rewrite(submit_dir, OPTIONS).notes[0]
    assert submit_dir.planned_dag.read_bytes() == second
    assert (submit_dir.path / "subdag-0.dag.planned.old").read_bytes() == first


def test_a_newer_bridle_replaces_its_block(submit_dir: SubmitDir) -> None:
    rewrite(submit_dir, OPTIONS)
    data = submit_dir.dag_file.read_bytes()
    submit_dir.dag_file.write_bytes(data.replace(b"MAXJOBS subwf 10\n", b"MAXJOBS subwf 2\nPRIORITY old 1\n"))
    again = rewrite(submit_dir, OPTIONS)
    assert (again.written, again.removed) == (("subdag-0.dag",), ())
    assert submit_dir.dag_file.read_bytes() == data


def test_lines_that_are_not_understood_are_kept_and_named(submit_dir: SubmitDir) -> None:
    with submit_dir.dag_file.open("a") as dag:
        dag.write("INCLUDE more.dag\nDOT x.dot\nFROBNICATE prep_prep\n")
    last = len(submit_dir.dag_file.read_text().splitlines())
    *notes, unmeasured = rewrite(submit_dir, replace(OPTIONS, force=True)).notes
    assert unmeasured.startswith("no metrics are made: ")
    assert notes == [
        "more.dag is included and not looked into",
        f"line {last}: DAGMan has no command FROBNICATE; the line is kept, DAGMan may refuse it",
    ]
    assert b"\nFROBNICATE prep_prep\n" in submit_dir.dag_file.read_bytes()


def test_a_sub_workflow_is_rewritten_without_a_monitor(submit_dir: SubmitDir) -> None:
    report = rewrite(submit_dir, Options(monitor=False))
    assert (report.monitor, report.written) == (
        None,
        ("subdag-0.bridle.metrics", "subdag-0.dag.planned", "subdag-0.dag"),
    )
    assert is_rewritten(submit_dir)
    assert not rewrite(submit_dir, Options(monitor=False)).changed


def test_undo_leaves_files_that_are_not_ours(submit_dir: SubmitDir) -> None:
    submit_dir.monitor_config.write_text("# mine\n")
    undo(submit_dir)
    assert submit_dir.monitor_config.exists()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda d: d[: d.rindex(b"# End of DAG")], "before the planner's last lines"),
        (lambda d: d[:-30], "before the planner's last lines"),
        (lambda d: d[: len(d) // 2], "before the planner's last lines"),
        (lambda d: d[: d.index(b"JOB") + 2], "before the planner's last lines"),
        (lambda d: d.replace(b"JOB prep_prep ", b"JOB prep_prop "), "no line defines the node prep_prep"),
        (lambda d: d.replace(b"CHILD prep_prep\n", b"CHI\n"), "CHILD is missing"),
        (lambda d: b"# >>> bridle: begin of what bridle added\n" + d, None),
    ],
)
def test_a_dag_that_is_cut_or_wrong_is_named_and_left_alone(
    submit_dir: SubmitDir, spoil: Callable[[bytes], bytes], what: str | None
) -> None:
    submit_dir.dag_file.write_bytes(spoil(submit_dir.dag_file.read_bytes()))
    before = content(submit_dir.path)
    if what is None:
        rewrite(submit_dir, OPTIONS)  # not our marker: ours is longer
        return
    with pytest.raises(DagSyntaxError, match=what) as error:
        rewrite(submit_dir, OPTIONS)
    assert error.value.where.startswith(str(submit_dir.dag_file))
    assert content(submit_dir.path) == before


def test_half_a_block_is_named(submit_dir: SubmitDir) -> None:
    rewrite(submit_dir, OPTIONS)
    submit_dir.dag_file.write_bytes(submit_dir.dag_file.read_bytes().replace(b"# <<< bridle", b"# bridle"))
    for work in (rewrite, undo):
        with pytest.raises(DagSyntaxError, match=r"copy subdag-0\.dag\.planned over it"):
            work(submit_dir)


def test_missing_submit_files_are_named(submit_dir: SubmitDir) -> None:
    for name in ("prep_prep", "post_post"):
        (submit_dir.path / f"00/00/{name}.sub").unlink()
    before = content(submit_dir.path)
    with pytest.raises(SubmitDirError) as error:
        rewrite(submit_dir, OPTIONS)
    assert error.value.where == str(submit_dir.path / "00/00/prep_prep.sub")
    assert error.value.what == (
        "the submit file of node prep_prep (subdag-0.dag:17) is not there (and 1 more are missing)"
    )
    assert content(submit_dir.path) == before


def test_no_bridle_to_start_is_an_error(
    submit_dir: SubmitDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("dag_rewriter.directory.find_bridle.script_directories", lambda: (tmp_path,))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BridleError, match="install pegasus-bridle"):
        rewrite(submit_dir)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bridle").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "bridle").chmod(0o755)
    rewrite(submit_dir)
    assert f"executable              = {tmp_path}/bin/bridle\n" in submit_dir.monitor_submit.read_text()
