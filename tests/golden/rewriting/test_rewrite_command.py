"""`bridle rewrite` as a command: what it prints, its exit codes, that an error is one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Corpus
from tests.support.places import CHECKOUT


@pytest.fixture
def planned(corpus: Corpus, tmp_path: Path) -> Path:
    (braindump,) = corpus("planned/subwf-dax-hooks").rglob("braindump.yml")
    return Path(shutil.copytree(braindump.parent, tmp_path / "run0001"))


def bridle(*arguments: str | Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    search = os.environ.get("PATH", "") if path is None else f"{path}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(
        [sys.executable, "-m", "planner_ext", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=os.environ | {"PATH": search, "LC_ALL": "C.UTF-8"},
        timeout=60,
        check=False,
    )


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A directory with a `bridle`, for a machine where none is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bridle").write_text("#!/bin/sh\n")
    (folder / "bridle").chmod(0o755)
    return folder


def test_a_diff_is_one_and_writes_nothing(planned: Path, commands: Path) -> None:
    before = sorted(planned.iterdir())
    told = bridle("rewrite", "--diff", planned, path=commands)
    assert (told.returncode, told.stderr) == (0, "")
    assert sorted(planned.iterdir()) == before
    patch = planned.parent / "changes.patch"
    patch.write_text(told.stdout)
    dag = planned / "subwfh-0.dag"
    planner = dag.read_bytes()
    (planned / "subwfh-0.bridle.sub").unlink(missing_ok=True)
    subprocess.run(["git", "apply", "--include", "subwfh-0.dag", patch], cwd=planned, check=True)
    by_patch = dag.read_bytes()
    dag.write_bytes(planner)
    assert bridle("rewrite", planned, path=commands).returncode == 0
    assert dag.read_bytes() == by_patch


@pytest.mark.corpus
def test_json_for_programs(planned: Path, commands: Path) -> None:
    told = json.loads(bridle("rewrite", "--json", planned, path=commands).stdout)
    assert told == {
        "version": 1,
        "submit_dir": str(planned),
        "dag": "subwfh-0.dag",
        "changed": True,
        "dry_run": False,
        "nodes": 9,
        "monitor": "bridle_monitor",
        "jobstate_log": "subwfh-0.bridle.jobstate.log",
        "included_config": None,
        "categories": {"createdir": 1, "cleanup": 1},
        "limits": {"subwf": 10, "createdir": 10},
        "written": [
            "subwfh-0.bridle.condor_dagman",
            "subwfh-0.bridle-notifying",
            "subwfh-0.bridle.sub",
            "subwfh-0.bridle.config",
            "subwfh-0.bridle.metrics",
            "subwfh-0.dag.planned",
            "subwfh-0.dag.condor.sub.planned",
            "subwfh-0.dag",
        ],
        "removed": ["subwfh-0.dag.condor.sub"],
        "notes": [],
    }
    again = json.loads(bridle("rewrite", "--json", planned, path=commands).stdout)
    assert (again["changed"], again["written"], again["removed"]) == (False, [], [])
    assert "diff" in json.loads(bridle("rewrite", "--json", "--diff", planned, path=commands).stdout)


def test_words_for_people(planned: Path, commands: Path) -> None:
    dry = bridle("rewrite", "--dry-run", planned, path=commands).stdout
    assert "would write subwfh-0.dag\n" in dry
    told = bridle("rewrite", planned, path=commands).stdout
    assert told.splitlines()[-4:] == [
        "monitor: node bridle_monitor, following subwfh-0.bridle.jobstate.log",
        "category cleanup: 1 nodes added",
        "category createdir: 1 nodes added, limit 10",
        "category subwf: 0 nodes added, limit 10",
    ]
    assert "nothing to do" in bridle("rewrite", planned, path=commands).stdout
    assert "removed subwfh-0.bridle.sub" in bridle("rewrite", "--undo", planned).stdout
    assert "nothing to do" in bridle("rewrite", "--undo", planned).stdout


def test_the_universe_comes_from_the_command_line_and_else_from_the_policy_files(
    planned: Path, commands: Path
) -> None:
    def rewritten(*words: str) -> str:
        assert bridle("rewrite", *words, planned, path=commands).returncode == 0
        text = (planned / "subwfh-0.bridle.sub").read_text()
        return text.partition("universe                = ")[2].partition("\n")[0]

    assert rewritten() == "local"
    (planned / "bridle-policy.toml").write_text('[monitor]\nuniverse = "scheduler"\nmax_starts = 3\n')
    assert rewritten() == "scheduler"
    assert "NumJobStarts > 3 + " in (planned / "subwfh-0.bridle.sub").read_text()
    assert rewritten("--universe", "vanilla") == "vanilla"
    assert rewritten() == "vanilla", "it is remembered"
    assert bridle("rewrite", "--undo", "--universe", "local", planned).returncode == 2
    assert bridle("rewrite", "--undo", planned).returncode == 0
    assert rewritten() == "scheduler"


@pytest.mark.parametrize(
    ("spoiled", "told"),
    [
        ("braindump.yml", "{0}: it has no braindump.yml, so pegasus-plan did not write it"),
        ("00/00/prep_prep.sub", "{0}/00/00/prep_prep.sub: the submit file of node prep_prep (subwfh-0.dag:"),
        ("subwfh-0.dag", "{0}/subwfh-0.dag: the DAG that braindump names is not there"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_changed(planned: Path, spoiled: str, told: str) -> None:
    (planned / spoiled).unlink()
    before = {path: path.stat().st_mtime_ns for path in planned.rglob("*")}
    failed = bridle("rewrite", planned)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.count("\n") == 1
    assert failed.stderr.startswith("bridle: " + told.format(planned))
    assert {path: path.stat().st_mtime_ns for path in planned.rglob("*")} == before


def test_an_unreadable_directory_is_named(planned: Path) -> None:
    planned.chmod(0)
    try:
        failed = as_nobody("rewrite", planned)
    finally:
        planned.chmod(0o755)
    assert failed.returncode == 2
    assert failed.stderr == (
        f"bridle: {planned}/braindump.yml: cannot read it: Permission denied; "
        "give yourself the permission, or ask its owner\n"
    )


def as_nobody(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command without root's power to read whatever it likes."""
    if os.geteuid() != 0:
        return bridle(*arguments)
    inside = [
        "unshare",
        "--user",
        "--map-user=1000",
        "--map-group=1000",
        "--",
        sys.executable,
        "-m",
        "planner_ext",
    ]
    return subprocess.run(
        [*inside, *map(str, arguments)], capture_output=True, text=True, cwd=CHECKOUT, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ("PARENT A CHILD B\n", False),
        ("SPLICE S s.dag\nPARENT S CHILD B\n", False),
        ("INCLUDE edges.dag\n", False),
        ("", True),
        ("PARENT B CHILD A\n", True),
    ],
)
def test_a_submit_file_that_another_node_may_write_need_not_be_there(
    tmp_path: Path, commands: Path, more: str, refused: bool
) -> None:
    (tmp_path / "a.sub").write_text("queue\n")
    (tmp_path / "s.dag").write_text("JOB C a.sub\n")
    (tmp_path / "edges.dag").write_text("PARENT A CHILD B\n")
    (tmp_path / "x.dag").write_text(f"JOB A a.sub\nJOB B late.sub\n{more}")
    told = bridle("rewrite", tmp_path / "x.dag", path=commands)
    assert told.returncode == (2 if refused else 0), told.stderr
    assert ("late.sub is not there yet" in told.stdout) != refused


def test_sub_dags_beside_a_splice_are_counted_once(tmp_path: Path, commands: Path) -> None:
    (tmp_path / "a.sub").write_text("queue\n")
    (tmp_path / "inner.dag").write_text("JOB sum a.sub\n")
    (tmp_path / "part.dag").write_text("SUBDAG EXTERNAL inner inner.dag\nJOB a a.sub\n")
    (tmp_path / "x.dag").write_text("SPLICE part part.dag\nSUBDAG EXTERNAL other inner.dag\n")
    counted = []
    for _ in range(2):
        assert bridle("rewrite", tmp_path / "x.dag", path=commands).returncode == 0
        counted.append((tmp_path / "x.bridle.metrics").read_text())
    assert counted[0] == counted[1]


def test_a_dag_that_is_a_link_becomes_a_file_and_that_is_said(tmp_path: Path, commands: Path) -> None:
    for name in ("shared", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "shared" / "x.dag").write_text("JOB A a.sub NOOP\n")
    dag = tmp_path / "run" / "x.dag"
    dag.symlink_to("../shared/x.dag")
    told = bridle("rewrite", dag, path=commands)
    assert "x.dag was a link to ../shared/x.dag, and is a file of its own from now on" in told.stdout
    assert not dag.is_symlink()
    assert (tmp_path / "shared" / "x.dag").read_text() == "JOB A a.sub NOOP\n"
    assert "link" not in bridle("rewrite", dag, path=commands).stdout
