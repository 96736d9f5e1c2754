"""Pegasus's properties: which count, and whose word goes before whose."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.properties import (
    HONOURED,
    MASTER_PROPERTIES,
    URL_PROPERTIES,
    WAIT_PROPERTIES,
    Given,
    given,
)
from monitord_job.database.url import database_of
from monitord_job.monitor.master_database import find_master
from monitord_job.notifications.settings import settings_of
from planner_ext.cli import run_command
from tests.docs.test_help import ALL
from tests.support.places import CHECKOUT

WITHOUT = {
    *("hook", "pool", "check", "graph", "metrics", "rewrite", "rescue", "categories", "throttle", "notify"),
    *("plan", "tc", "rc", "sc", "help", "completion", "schema", "condorio"),
}
"""Commands that ask no database; those of catalogs have a --conf of their own, and that of `plan` is pegasus-plan's."""


@pytest.fixture
def submit_dir(tmp_path: Path) -> SubmitDir:
    (tmp_path / "pegasus.1.properties").write_text("pegasus.catalog.workflow.url = sqlite:////planned.db\n")
    return SubmitDir(tmp_path, {"properties": "pegasus.1.properties", "dag": "x-0.dag"}, "x-0.dag")


def effect(name: str, value: str, submit_dir: SubmitDir) -> object:
    """What a property changes, with that value."""
    if name in URL_PROPERTIES:
        return str(database_of(submit_dir))
    if name in WAIT_PROPERTIES:
        return database_of(submit_dir).wait
    if name in MASTER_PROPERTIES:
        return str(find_master(submit_dir))
    settings = settings_of(submit_dir)
    return settings and (settings.most, settings.limit, settings.patience)


def value_of(name: str, number: int) -> str:
    if name in (*URL_PROPERTIES, *MASTER_PROPERTIES):
        return f"sqlite:////other{number}.db"
    return "false" if name.endswith("notifications") else str(number)


@pytest.mark.parametrize("name", HONOURED)
def test_each_counts_from_the_command_line_before_the_file_before_the_planners(
    name: str, submit_dir: SubmitDir, tmp_path: Path
) -> None:
    conf = tmp_path / "my.properties"
    conf.write_text(f"{name} = {value_of(name, 17)}\n")
    planned = effect(name, "", submit_dir)
    with given(Given(conf=conf)):
        by_file = effect(name, value_of(name, 17), submit_dir)
    with given(Given({name: value_of(name, 18)}, conf)):
        by_word = effect(name, value_of(name, 18), submit_dir)
    assert by_file != planned
    assert by_word == by_file if name.endswith("notifications") else by_word not in (planned, by_file)
    assert effect(name, "", submit_dir) == planned


def test_a_file_takes_the_place_of_the_planners_as_in_pegasus(submit_dir: SubmitDir, tmp_path: Path) -> None:
    conf = tmp_path / "my.properties"
    conf.write_text("pegasus.catalog.workflow.timeout = 3\n")
    assert str(database_of(submit_dir)) == "sqlite:////planned.db"
    with given(Given(conf=conf)):
        assert str(database_of(submit_dir)) == f"sqlite:///{submit_dir.database}"


def test_the_docs_list_all_that_count_and_no_other() -> None:
    text = (CHECKOUT / "docs" / "monitoring.md").read_text()
    assert re.findall(r"^\| `(pegasus\.[a-z.*]+)` \|", text, re.MULTILINE) == list(HONOURED)


def test_nothing_else_is_read() -> None:
    rooms = [CHECKOUT / name for name in ("condor_templates", "dag_rewriter", "monitord_job")]
    said = {
        name
        for room in rooms
        for path in room.rglob("*.py")
        for name in re.findall(r'"(pegasus\.(?:catalog|monitord)\.[a-z.*]+)"', path.read_text())
    }
    assert said <= set(HONOURED)


ASK_A_DATABASE = [
    name
    for name, ctx in ALL.items()
    if " " in name and name.split()[1] not in WITHOUT and not isinstance(ctx.command, click.Group)
]


@pytest.mark.parametrize("name", ASK_A_DATABASE)
def test_every_command_that_asks_a_database_takes_both(name: str) -> None:
    options = {option for param in ALL[name].command.params for option in param.opts}
    assert {"--conf", "-D"} <= options


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.dag").write_text("JOB A a.sub\n")
    url = "-Dpegasus.catalog.workflow.url=mysql://there/x"
    assert run_command(["status", url, str(tmp_path / "x.dag")]) != 0
    assert "-D: pegasus.catalog.workflow.url: mysql is not supported" in capsys.readouterr().err
    assert run_command(["status", "-Dnothing", str(tmp_path / "x.dag")]) == 2
    assert "'nothing' is no KEY=VALUE" in capsys.readouterr().err
    assert run_command(["status", "--conf", "no such file", str(tmp_path / "x.dag")]) == 2
