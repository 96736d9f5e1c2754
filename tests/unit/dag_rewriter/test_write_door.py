"""Everything that we write goes through `dag_rewriter.files.writing`: not through a link, ours, whatever the umask."""

from __future__ import annotations

import ast
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_rewriter import files
from dag_rewriter.errors import FileError
from planner_ext.shims.install import install
from tests.support.places import CHECKOUT

PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
DOOR = "dag_rewriter/files/writing.py"
# The script runner has nothing but the standard library. What it appends to is of the monitor that starts it.
# An exclusive lock needs a descriptor that could write (fcntl(2)).
ELSEWHERE = {
    ("monitord_job/notifications/script_runner.py", "open_results"),
    ("dag_rewriter/files/locks.py", "is_locked"),
}
READ_ONLY = frozenset({"r", "rb", "rt"})
WRITERS = frozenset(
    [
        "write_text",
        "write_bytes",
        "touch",
        "mkdir",
        "makedirs",
        "mkfifo",
        "symlink",
        "symlink_to",
        "hardlink_to",
        "link",
        "copy",
        "copy2",
        "copyfile",
        "copytree",
        "move",
        "mkstemp",
        "mkdtemp",
        "NamedTemporaryFile",
        "TemporaryFile",
        "TemporaryDirectory",
        "FileHandler",
        "RotatingFileHandler",
        "TimedRotatingFileHandler",
        "WatchedFileHandler",
    ]
)
FOREIGN = frozenset({"files", "outbox", "self"})
"""What has methods of such names that are the door itself, or copy nothing on the disk."""


def writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each call that may open a file for writing, or make one."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = (
            function.value.id
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
            else ""
        )
        text = ast.unparse(call)
        if owner in FOREIGN or "os.devnull" in text:
            continue
        if (
            (name == "open" and owner == "os" and ("O_WRONLY" in text or "O_RDWR" in text))
            or (name == "open" and owner != "os" and not set(_modes(call)) <= READ_ONLY)
            or (name in WRITERS and not (name in {"link", "copy", "move"} and owner not in {"os", "shutil"}))
        ):
            yield call.lineno, text


def _modes(call: ast.Call) -> Iterator[str]:
    """What is said as a mode; a name whose value is not seen counts as one that writes."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    is_method = isinstance(call.func, ast.Attribute)
    given += call.args[0 if is_method else 1 :][:1]
    for value in given:
        yield value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else "?"


def test_no_other_module_writes_files() -> None:
    found = []
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            name = str(path.relative_to(CHECKOUT))
            tree = ast.parse(path.read_text())
            allowed = {
                node
                for function in ast.walk(tree)
                if isinstance(function, ast.FunctionDef) and (name, function.name) in ELSEWHERE
                for node in range(function.lineno, (function.end_lineno or 0) + 1)
            }
            if name != DOOR:
                found += [f"{name}:{line}: {text}" for line, text in writes(tree) if line not in allowed]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "open(path, 'w')",
        "path.open('ab')",
        "path.open(mode=how)",
        "os.open(path, os.O_RDWR | os.O_CREAT)",
        "path.write_text('x')",
        "shutil.copy2(a, b)",
        "path.mkdir()",
        "logging.FileHandler(path)",
    ],
)
def test_the_test_finds_what_it_looks_for(text: str) -> None:
    assert [found for _, found in writes(ast.parse(text))] == [text]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_nobody_else_may_write_what_is_made_without_a_umask(tmp_path: Path) -> None:
    files.replace(tmp_path / "replaced", b"x")
    files.create(tmp_path / "created", b"x")
    os.close(files.open_own(tmp_path / "own", append=True))
    os.close(files.open_named(tmp_path / "named"))
    files.make_folder(tmp_path / "a" / "b")
    install(tmp_path / "hook" / "bin", "/opt/bin/bridle")
    made = [path for path in tmp_path.rglob("*") if mode(path) & 0o022]
    assert made == []
    files.replace(tmp_path / "replaced", b"secret", mode=0o600)
    assert mode(tmp_path / "replaced") == 0o600


@pytest.mark.usefixtures("no_umask")
def test_shims_that_others_may_write_are_mended_and_their_directory_refused(tmp_path: Path) -> None:
    install(tmp_path / "hook", "/opt/bin/bridle")
    shim = tmp_path / "hook" / "condor_submit"
    shim.chmod(0o777)
    install(tmp_path / "hook", "/opt/bin/bridle")
    assert mode(shim) == 0o755
    (tmp_path / "hook").chmod(0o777)
    with pytest.raises(FileError, match="other users may write in it"):
        install(tmp_path / "hook", "/opt/bin/bridle")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says which
        files.open_own(link, append=True)
    assert caught.value.errno == errno.ELOOP
    (tmp_path / f".new.{os.getpid()}.tmp").symlink_to(victim)
    files.replace(tmp_path / "new", b"x")
    files.replace(link, b"x")
    assert victim.read_text() == "precious"


def test_a_pipe_is_no_file_of_ours(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says which
        files.open_own(tmp_path / "pipe")
    assert caught.value.errno == errno.ESPIPE


@pytest.mark.second_user
def test_a_file_of_another_user_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_text("precious")
    os.chown(path, 65534, -1)
    with pytest.raises(PermissionError):
        files.open_own(path, truncate=True)
    assert path.read_text() == "precious"
