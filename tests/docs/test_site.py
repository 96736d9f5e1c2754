"""The docs as a site: it builds without a warning, loads nothing from elsewhere, and what is generated is fresh."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitord_job.database.schema import METADATA
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from planner_ext.pages import page_names
from tests.support.places import CHECKOUT
from tests.support.recorded import as_it_ran
from tests.support.workflows import plan_mosaic
from tools import database_page, diagrams, example_run

DOCS = CHECKOUT / "docs"


def test_the_page_of_the_database_is_fresh() -> None:
    assert (DOCS / "database.md").read_text() == database_page.page(), "run `make cli`"


def test_each_table_and_column_has_a_meaning_and_no_other() -> None:
    said = database_page.meanings()
    common = said.pop(database_page.COMMON)
    columns = {name: {column.name for column in table.columns} for name, table in METADATA.tables.items()}
    assert said.keys() == columns.keys()
    assert {f"{name}.{one}" for name in said for one in said[name].keys() - columns[name] - {""}} == set()
    assert [name for name in said if not said[name][""]] == []
    assert common.keys() <= set().union(*columns.values())


@pytest.mark.own
def test_the_questions_of_the_page_have_answers(fresh_corpus: Callable[[str], Path]) -> None:
    submit_dir = as_it_ran(fresh_corpus("recorded/failing-condorio")).submit_dir
    catch_up(submit_dir, Limits())
    (block,) = re.findall(r"```sql\n(.*?)```", database_page.page(), re.DOTALL)
    with closing(sqlite3.connect(submit_dir.database)) as database:
        answers = [database.execute(question).fetchall() for question in block.split(";")[:-1]]
    assert len(answers) == 3
    assert all(answers)


def test_the_diagrams_are_fresh() -> None:
    for name, text in diagrams.pictures().items():
        assert (DOCS / "images" / name).read_text() == text, "run `make docs`"


def test_the_pictures_are_of_the_example(tmp_path: Path) -> None:
    recorded = example_run.unpacked(tmp_path / "recorded") / "mosaic-0.dag.planned"
    planned = plan_mosaic(tmp_path / "planned") / "mosaic-0.dag"
    nodes = [re.findall(r"^JOB (\S+)", dag.read_text(), re.MULTILINE) for dag in (recorded, planned)]
    assert nodes[0] == nodes[1] != [], "run `make example-run`, then `make docs`"


def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    words = [
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        "-d",
        str(tmp_path / "cache"),
        str(DOCS),
        str(tmp_path / "site"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    assert {path.stem for path in site.glob("*.html")} >= set(page_names())
    assert "rescue" in (site / "searchindex.js").read_text()
    loads = re.compile(r"<(?:script|img|link|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    assert [path.name for path in site.glob("*.html") if loads.search(path.read_text())] == []
