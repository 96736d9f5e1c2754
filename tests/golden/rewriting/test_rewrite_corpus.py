"""Every directory of the corpus that the planner wrote: read, rewritten, taken back."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.directory.submit_file import class_and_priority, parse_submit_file
from dag_rewriter.language.syntax import parse, render
from dag_rewriter.model.dag import Dag, Node, NodeKind, parse_dag
from dag_rewriter.rewriting.rewrite import Options, is_rewritten, read_dag, rewrite, undo
from dag_rewriter.rewriting.rewrite_report import Report
from tests.conftest import CORPUS_PLANNED, PLANNED, Corpus, corpus_archives

OPTIONS = Options(executable="/opt/bridle/bin/bridle")


@pytest.fixture(params=PLANNED)
def planned(request: pytest.FixtureRequest, corpus: Corpus) -> Path:
    """A planned directory, to read."""
    (braindump,) = sorted(corpus(f"planned/{request.param}").rglob("braindump.*"))
    return braindump.parent


@pytest.fixture
def copied(planned: Path, tmp_path: Path) -> Path:
    """A copy of it, to write in."""
    return Path(shutil.copytree(planned, tmp_path / planned.name))


def fingerprints(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Content, mode and time of every file."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def meaning(dag: Dag) -> tuple[dict[str, Node], list[tuple[str, str]]]:
    return {name: dag.nodes[name] for name in dag.nodes}, list(dag.edges)


@pytest.mark.corpus
def test_the_whole_corpus_is_listed() -> None:
    archives = corpus_archives()
    assert archives is not None
    assert (
        sorted(path.name.removesuffix(".tar.xz") for path in (archives / "planned").iterdir())
        == CORPUS_PLANNED
    )


def test_an_untouched_dag_comes_back_byte_for_byte(planned: Path) -> None:
    dag_files = [*planned.glob("*.dag")]
    assert dag_files
    for dag_file in dag_files:
        data = dag_file.read_bytes()
        found = parse(data)
        assert render(found) == data
        assert not parse_dag(data, dag_file.name).other, "every command of the planner's is understood"


def test_the_facts_of_a_submit_file_are_found_the_fast_way_too(planned: Path) -> None:
    submit_files = [*planned.rglob("*.sub")]
    assert submit_files
    for path in submit_files:
        data = path.read_bytes()
        whole = parse_submit_file(data)
        assert class_and_priority(data) == (whole.job_class, whole.priority)


def test_rewriting_adds_what_it_says_and_changes_no_node(copied: Path) -> None:
    submit_dir = open_submit_dir(copied)
    before = read_dag(submit_dir)
    report = rewrite(submit_dir, OPTIONS)
    after = read_dag(submit_dir)

    assert is_rewritten(submit_dir)
    assert submit_dir.dag_file.read_bytes().startswith(submit_dir.planned_dag.read_bytes())
    nodes, edges = meaning(after)
    old_nodes, old_edges = meaning(before)
    monitor = nodes.pop("bridle_monitor")
    assert (monitor.kind, monitor.submit_file) == (NodeKind.SERVICE, submit_dir.monitor_submit.name)
    assert edges == old_edges
    runs_ours = {name for name, node in nodes.items() if str(submit_dir.sub_dagman) in str(node.vars)}
    assert runs_ours == {name for name in nodes if name.startswith("pegasus-plan_")}
    assert submit_dir.sub_dagman.exists() == bool(runs_ours)
    changed = {
        name: node for name, node in nodes.items() if node != old_nodes[name] and name not in runs_ours
    }
    assert list(nodes) == list(old_nodes)
    assert sum(report.categories.values()) == len(changed)
    for name, node in changed.items():
        assert old_nodes[name].category is None
        assert node.category in report.categories
    assert {**before.max_jobs, **report.limits} == dict(after.max_jobs)
    highest = max(class_and_priority(path.read_bytes())[1] or 0 for path in copied.glob("0*/**/*.sub"))
    assert (parse_submit_file(submit_dir.monitor_submit.read_bytes()).priority or 0) > max(
        highest, after.highest_priority()
    )


def test_rewriting_twice_touches_nothing(copied: Path) -> None:
    submit_dir = open_submit_dir(copied)
    rewrite(submit_dir, OPTIONS)
    before = fingerprints(copied)
    assert not rewrite(submit_dir, OPTIONS).changed
    assert fingerprints(copied) == before


def test_undo_gives_the_planners_directory_back(planned: Path, copied: Path) -> None:
    submit_dir = open_submit_dir(copied)
    rewrite(submit_dir, OPTIONS)
    assert undo(submit_dir).removed
    before = {name: mark[:2] for name, mark in fingerprints(planned).items()}
    assert {name: mark[:2] for name, mark in fingerprints(copied).items()} == before
    assert not undo(submit_dir).changed


def test_a_dry_run_writes_nothing_and_says_the_same(copied: Path) -> None:
    submit_dir = open_submit_dir(copied)
    before = fingerprints(copied)
    dry = rewrite(submit_dir, Options(executable=OPTIONS.executable, dry_run=True))
    assert fingerprints(copied) == before
    assert "SERVICE bridle_monitor" in dry.diff()
    assert rewrite(submit_dir, OPTIONS).written == dry.written


EXPECTED = {
    # name: (category -> nodes added, category -> limit added)
    "planned/subwf-dag": ({"cleanup": 1, "createdir": 1}, {"createdir": 10, "subwf": 10}),
    "planned/subwf-dax-hooks": ({"cleanup": 1, "createdir": 1}, {"createdir": 10, "subwf": 10}),
    "planned/diamond-condorio": ({"cleanup": 1, "createdir": 1}, {"createdir": 10}),
    "planned/fan5000": ({"cleanup": 1, "createdir": 1}, {"createdir": 10}),
}


@pytest.mark.corpus
@pytest.mark.parametrize("name", EXPECTED)
def test_categories_by_class_not_by_name(name: str, fresh_corpus: Corpus) -> None:
    (braindump,) = fresh_corpus(name).rglob("braindump.yml")
    report = rewrite(open_submit_dir(braindump.parent), OPTIONS)
    assert (dict(report.categories), dict(report.limits)) == EXPECTED[name]


def test_the_monitor_goes_first_where_that_has_no_other_effect(copied: Path) -> None:
    submit_dir = open_submit_dir(copied)
    rewrite(submit_dir, OPTIONS)
    config = submit_dir.monitor_config.read_text()
    dag = read_dag(submit_dir)
    highest = dag.highest_priority()  # 4.9.3 wrote no PRIORITY lines: a SERVICE node is first of equals
    if submit_dir.base in ("subdag-0", "subwfh-0", "level1-0") or highest == 0:
        assert "DAGMAN_DEFAULT_PRIORITY" not in config
    else:
        assert f"DAGMAN_DEFAULT_PRIORITY = -{highest + 1}\n" in config


@pytest.mark.corpus
def test_six_thousand_nodes_are_rewritten_in_no_time(fresh_corpus: Corpus) -> None:
    """A guard against something quadratic, not a benchmark: it takes about 0.2 s."""
    (braindump,) = fresh_corpus("planned/fan5000").rglob("braindump.yml")
    started = time.process_time()
    report: Report = rewrite(open_submit_dir(braindump.parent), OPTIONS)
    assert report.nodes == 6012
    assert time.process_time() - started < 5
