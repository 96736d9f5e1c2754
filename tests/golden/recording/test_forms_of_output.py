"""What commands print of one recorded run: whole lines in a pipe, no colours with NO_COLOR, all words at 40 columns."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.cli import run_command
from tests.support.recorded import as_it_ran

pytestmark = [pytest.mark.own, pytest.mark.usefixtures("no_schedd")]
COMMANDS = [
    *(
        "status",
        "watch",
        "analyzer",
        "jobs",
        "jobs RUN flag_needflag",
        "statistics",
        "notifications",
        "recover",
    ),
    *("list RUN", "categories", "check", "metrics", "graph", "graph --levels", "rescue list", "rescue show"),
    *("condorio", "notify list", "report --text", "rewrite --dry-run --diff"),
]
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|4[0-7]|9[0-7]|38|48)(;[0-9;]*)?m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def run(fresh_corpus: Callable[[str], Path]) -> Path:
    submit_dir = as_it_ran(fresh_corpus("recorded/failing-condorio")).submit_dir
    catch_up(submit_dir, Limits())
    return submit_dir.path


def words_of(command: str, run: Path) -> list[str]:
    words = command.split()
    return [str(run) if word == "RUN" else word for word in words] if "RUN" in words else [*words, str(run)]


def without_times(text: str) -> str:
    """What goes on while the test runs."""
    return re.sub(r"\d+:\d\d:\d\d( h)?|\d+ s\b|[\d,]+\.\d+|\b\d{10}\b", "T", text)


def test_lines_in_a_pipe_are_never_folded(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in COMMANDS:
        said = []
        for columns in ("20", "1000"):
            monkeypatch.setenv("COLUMNS", columns)
            run_command(words_of(command, run))
            said.append(without_times(capfd.readouterr().out))
        assert said[0] == said[1], command
        assert said[0], command
        assert "\x1b" not in said[0], command


def on_a_terminal(words: list[str], columns: int) -> tuple[int, str]:
    """Exit code of a command on a terminal of this width, and what is on it."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    read: list[bytes] = []

    def drain() -> None:
        try:
            while piece := os.read(master, 65536):
                read.append(piece)
        except OSError:  # all ends of the other side are closed
            pass

    reader = threading.Thread(target=drain)
    reader.start()
    kept = sys.stdout
    try:
        with open(slave, "w", encoding="utf-8") as sys.stdout:  # noqa: PTH123 - a descriptor
            code = run_command(words)
    finally:
        sys.stdout = kept
        reader.join()
        os.close(master)
    return code, b"".join(read).decode().replace("\r\n", "\n")


def test_a_narrow_terminal_without_colours_shows_every_word(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Rows may be folded there; no name is cut off, and nothing is coloured."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    for command in COMMANDS:
        words = words_of(command, run)
        in_a_pipe = (run_command(words), capfd.readouterr().out)
        code, shown = on_a_terminal(words, 40)
        assert code == in_a_pipe[0], command
        assert COLOUR.search(shown) is None, command
        together = "".join(CONTROL.sub("", shown).split())
        names = set(re.findall(r"\b[a-z]+_[a-zA-Z]+[\w-]*", in_a_pipe[1]))
        assert [name for name in names if name not in together] == [], command
    capfd.readouterr()
