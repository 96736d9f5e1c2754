"""A temporary folder is gone with its process; what a killed one left goes with the next, and nothing else does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dag_rewriter.files import writing

MAKE = """
import sys
from dag_rewriter.files import temporary_folder
print(temporary_folder(), flush=True)
sys.stdin.read()
"""


@contextmanager
def maker(place: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that has made one there, and lives until its input ends; the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().rstrip("\n"))
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "x.db").write_text("of a run\n")
        yield process, folder


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a killed process left."""
    with maker(tmp_path) as (process, folder):
        process.kill()
    assert (folder / "x.db").exists()
    return folder


def test_it_is_gone_with_its_process(tmp_path):
    with maker(tmp_path) as (process, folder):
        process.communicate()
    assert process.returncode == 0
    assert not folder.exists()


def test_the_next_process_removes_what_a_killed_one_left_and_no_living_one_s(tmp_path, left):
    with maker(tmp_path) as (one, of_one):
        assert not left.exists()
        with maker(tmp_path) as (other, _):
            assert (of_one / "x.db").exists()
            other.communicate()
        one.communicate()
    assert list(tmp_path.iterdir()) == []


def test_what_others_may_exchange_is_not_touched(tmp_path, left):
    tmp_path.chmod(0o777)
    writing._sweep(tmp_path)
    assert left.exists()
    tmp_path.chmod(0o1777)
    writing._sweep(tmp_path)
    assert not left.exists()


def no_mark(folder: Path) -> None:
    (folder / ".in-use").unlink()


def a_mark_not_locked_yet(folder: Path) -> None:
    (folder / ".in-use").rename(folder / ".in-use.new")


def a_pipe(folder: Path) -> None:
    no_mark(folder)
    os.mkfifo(folder / ".in-use")


def a_link(folder: Path) -> None:
    (folder / ".in-use").rename(folder / "elsewhere")
    (folder / ".in-use").symlink_to("elsewhere")


def open_to_others(folder: Path) -> None:
    folder.chmod(0o755)


@pytest.mark.parametrize("change", [no_mark, a_mark_not_locked_yet, a_pipe, a_link, open_to_others])
def test_what_is_none_of_ours_is_not_touched(tmp_path, left, change):
    change(left)
    writing._sweep(tmp_path)
    assert (left / "x.db").exists()


def test_no_link_is_followed(tmp_path, left):
    elsewhere = tmp_path / "elsewhere"
    left.rename(elsewhere)
    left.symlink_to(elsewhere)
    writing._sweep(tmp_path)
    assert (elsewhere / "x.db").exists()


def test_another_user_s_is_not_touched(tmp_path, left, monkeypatch):
    owner = left.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    writing._sweep(tmp_path)
    assert (left / "x.db").exists()
