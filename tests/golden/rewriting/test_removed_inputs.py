"""`bridle rescue redo` after cleanup nodes have run: which inputs are gone, and what makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.rescue.rescue_dag import parse_rescue
from planner_ext.commands.rescue import rescue
from tests.support.played import Played

WHOLE = "cleanup_diamond_0_condorpool"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def run(fresh_corpus, scratch: Path) -> Path:
    """All of it is done, the cleanup nodes too; the jobs ran in `scratch`."""
    (found,) = fresh_corpus("planned/diamond-sharedfs").rglob("braindump.yml")
    submit_dir = open_submit_dir(found.parent)
    (made,) = json.loads(next(submit_dir.path.rglob("create_dir*.in")).read_text())
    for path in submit_dir.path.rglob("*.in"):
        path.write_text(path.read_text().replace(made["target"]["url"], scratch.as_uri()))
    played = Played(submit_dir)
    played.all_nodes({})
    played.write()
    return submit_dir.path


def redo(run: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(rescue, ["redo", str(run), *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def removed_by(run: Path, file: str) -> str:
    (path,) = (path for path in run.rglob("clean_up*.in") if f"/{file}" in path.read_text())
    return path.stem


MAKERS = {
    "f.c1": "findrange_ID0000002",
    "f.c2": "findrange_ID0000003",
    "f.b1": "preprocess_ID0000001",
    "f.b2": "preprocess_ID0000001",
    "f.a": "stage_in_local_condorpool_0_0",
}


def test_all_is_gone_with_its_directory(run: Path, scratch: Path) -> None:
    found = redo(run, "analyze_ID0000004", "--dry-run")
    gone = {each["file"]: (each["removed_by"], each["made_by"]) for each in found["missing_inputs"]}
    whole, (create_dir, *equip) = gone.pop(scratch.as_uri())
    assert (whole, create_dir) == (WHOLE, "create_dir_diamond_0_condorpool")
    assert equip == sorted(
        path.stem for path in run.rglob("*.sub") if path.stem.startswith(("untar", "stage_worker"))
    )
    assert gone == {file: (removed_by(run, file), [node]) for file, node in MAKERS.items()}
    assert found["runs"] == ["analyze_ID0000004"]
    count = 5 + len(equip)
    assert f"--with-inputs runs {count} nodes again that make them: create_dir_" in found["notes"][-1]


def test_what_makes_them_runs_again_if_that_is_wanted(run: Path) -> None:
    made = redo(run, "analyze_ID0000004", "--with-inputs")
    assert {"create_dir_diamond_0_condorpool", "analyze_ID0000004", *MAKERS.values()} <= {*made["runs"]}
    (path,) = made["written"]
    kept = {*parse_rescue(Path(path).read_bytes(), "").done}
    assert {"stage_out_local_condorpool_2_0", "register_condorpool_2_0", WHOLE} <= kept
    assert not kept & {*made["runs"]}


def test_what_can_be_seen_is_not_gone(run: Path, scratch: Path) -> None:
    scratch.mkdir()
    for name in ("f.b2", "f.c1"):
        (scratch / name).touch()
    found = redo(run, "analyze_ID0000004", "findrange_ID0000003", "--dry-run")
    assert found["missing_inputs"] == []


def test_of_nodes_that_read_nothing_there_nothing_is_said(run: Path) -> None:
    assert redo(run, "register_condorpool_2_0", WHOLE, "--dry-run")["missing_inputs"] == []


def test_without_the_abstract_workflow_it_says_that_it_cannot_tell(run: Path) -> None:
    (run / "workflow.yml").unlink()
    found = redo(run, "analyze_ID0000004", "--dry-run")
    assert found["missing_inputs"] == []
    assert "which inputs are gone cannot be told" in found["notes"][-1]
