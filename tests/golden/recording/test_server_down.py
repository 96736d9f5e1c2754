"""A database server that does not answer: each command says so in one line, once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from monitord_job.errors import TryAgainError
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.trouble import patiently
from planner_ext.cli import run_command

NOBODY = "postgresql://u@127.0.0.1:1/x"
"""Port 1 of this machine: nobody listens there, which is known at once."""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status"], 2),
        (["notifications"], 2),
        (["statistics"], 2),
        (["monitord", "--catch-up", "--database-wait", "1"], 75),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_it_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB a a.sub\n")
    (tmp_path / "x.bridle.jobstate.log").write_text("1795410615 INTERNAL *** DAGMAN_STARTED 1.0 ***\n")
    assert run_command([*words, "--url", NOBODY, str(tmp_path / "x.dag")]) == code
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("bridle: postgresql+psycopg://u@127.0.0.1:1/x: the database cannot be ")
    assert "Connection refused" in line


def test_who_waits_for_long_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tries = iter(range(4))

    def action() -> int:
        number = next(tries)
        if number < 3:
            raise TryAgainError("here", "it is away", "wait")
        return number

    with caplog.at_level(logging.INFO, "bridle.monitor"):
        assert patiently(action, Limits(database=60.0), lambda: None) == 3
    levels = [each.levelno for each in caplog.records if "it is away" in each.message]
    assert levels == [logging.WARNING, logging.INFO, logging.INFO]
