"""The planner of test data: what it makes of abstract workflows."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
import yaml
from planner import AbstractWorkflow, FileUse, Hook, Options, PlanError, Task, fan, parse, plan, render
from planner.concrete import Concrete, Kind
from planner.refine import refine

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

UGLY = AbstractWorkflow(
    name="näme-wf.v1_2-β",
    tasks=(
        Task(
            "ID.1-a_β",
            "tool.v1-2_x",
            (
                "-a",
                'it\'s; a "test" $HOME',
                "--path=/a b/c",
                "",
                "no",
                "1e3",
                "- x",
                "a: b",
                "#",
                "日本語",
                "a\tb",
            ),
            (FileUse("données d'entrée.txt", True), FileUse("out put.dat", False, True, True, {"k": "v w"})),
            (Hook("all", "/bin/x 'a b' | y"),),
            {"dagman": {"PRE": "/bin/true", "RETRY": "3"}},
            {"k": "v w; x"},
            "my-ns",
            "1.0.1",
        ),
        Task("0002", "NODE", (), (FileUse("out put.dat", True),)),
        Task("parent-child.DONE", "NODE"),
    ),
    dependencies=(("ID.1-a_β", ("0002",)),),
    hooks=(Hook("never", "x"),),
    metadata={"title": 'Ünïcode "quoted": title', "null": "true"},
    header={"apiLang": "python", "createdOn": "11-23-26T05:09:03Z"},
)


def options(directory: Path, **more: object) -> Options:
    """Options with everything fixed."""
    return Options(directory, user="scientist", uuid="347756b1-91ac-4e61-88ca-7440665777f2", **more)


def planned(workflow: AbstractWorkflow, tmp_path: Path, **more: object) -> Concrete:
    """The planned workflow, nothing written."""
    programs = {task.transformation: "/bin/true" for task in workflow.tasks}
    return refine(workflow, options(tmp_path, transformations=programs, **more))


@pytest.mark.parametrize(
    "workflow", [UGLY, fan(3, clustered=2, pre_scripts=[1], failing=[0])], ids=["ugly", "fan"]
)
def test_a_workflow_read_back_is_the_same(workflow: AbstractWorkflow) -> None:
    text = render(workflow)
    assert parse(text) == AbstractWorkflow(
        **{**_fields(workflow), "header": workflow.header or {"apiLang": "python"}}
    )
    assert yaml.safe_load(text)["name"] == workflow.name


def _fields(workflow: AbstractWorkflow) -> dict[str, object]:
    return {name: getattr(workflow, name) for name in workflow.__dataclass_fields__}


def test_names_are_what_dagman_takes(tmp_path: Path) -> None:
    names = planned(UGLY, tmp_path, replicas={"données d'entrée.txt": "/x"}).jobs
    assert {"tool_v1-2_x_ID_1-a_β", "NODE_0002", "NODE_parent-child_DONE"} <= names.keys()


def test_every_node_of_a_fan_is_there(tmp_path: Path) -> None:
    jobs = planned(fan(12, clustered=5), tmp_path, cluster="label").jobs
    assert [job.name for job in jobs.values() if job.clustered] == ["merge_grp0", "merge_grp1", "merge_grp2"]
    assert [len(job.tasks) for job in jobs.values() if job.clustered] == [5, 5, 2]
    kinds = [job.kind for job in jobs.values()]
    assert {kind: kinds.count(kind) for kind in Kind} == {
        Kind.COMPUTE: 5,
        Kind.STAGE_IN: 0,
        Kind.STAGE_OUT: 1,
        Kind.REGISTER: 1,
        Kind.CREATE_DIR: 1,
        Kind.CLEANUP: 3,
        Kind.REMOVE_DIR: 1,
    }


def test_a_file_is_removed_after_all_who_touch_it(tmp_path: Path) -> None:
    jobs = planned(fan(7), tmp_path).jobs
    ancestors: dict[str, set[str]] = {}
    for name, job in jobs.items():  # parents come first
        ancestors[name] = set(job.parents).union(*(ancestors[parent] for parent in job.parents))
    for job in jobs.values():
        for removed in job.files if job.kind is Kind.CLEANUP else ():
            users = {
                other.name
                for other in jobs.values()
                for use in (
                    *other.uses(True),
                    *other.uses(False),
                    *(other.files if other.kind is Kind.STAGE_OUT else ()),
                )
                if use.lfn == removed.lfn
            }
            assert users <= ancestors[job.name]
    removed = [use.lfn for job in jobs.values() if job.kind is Kind.CLEANUP for use in job.files]
    assert sorted(removed) == sorted({use.lfn for job in jobs.values() for use in job.uses(is_input=False)})


def test_the_same_input_gives_the_same_directory(tmp_path: Path) -> None:
    first, second = (
        plan(fan(4, clustered=2), options(tmp_path, cluster="label", python="/usr/bin/python3", time=moment))
        for moment in [Options(tmp_path).time] * 2
    )
    assert (first.name, second.name) == ("run0001", "run0002")
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    for name in names:
        if name.suffix != ".db":
            assert (first / name).read_text().replace("run0001", "run0002") == (second / name).read_text()


@pytest.mark.parametrize(
    ("workflow", "complaint"),
    [
        (AbstractWorkflow("w", (Task("a", "t", (), (FileUse("f", True),)),)), "no replica of f"),
        (AbstractWorkflow("w", (Task("a", "t"), Task("b", "t")), (("a", ("b",)), ("b", ("a",)))), "circle"),
        (AbstractWorkflow("w", (Task("a.b", "t"), Task("a_b", "t"))), "two jobs would be called t_a_b"),
        (AbstractWorkflow("a b", (Task("a", "t"),)), "no blank"),
        (AbstractWorkflow("w", (Task("a", "unknown"),)), "in no catalog"),
    ],
)
def test_what_cannot_be_planned_leaves_nothing(
    workflow: AbstractWorkflow, complaint: str, tmp_path: Path
) -> None:
    given = options(tmp_path / "work", transformations={"t": "/bin/true"})
    with pytest.raises(PlanError, match=complaint):
        plan(workflow, given)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "not YAML"),
        ("name: x", "not an abstract workflow"),
        ("name: x\njobs: []\njobDependencies:\n- {id: a, children: [b]}", "no job has that id"),
        ("name: x\njobs:\n- {type: pegasusWorkflow, id: a, file: b}", "cannot be planned here"),
    ],
)
def test_what_is_no_workflow_is_said(text: str, complaint: str) -> None:
    with pytest.raises(PlanError, match=complaint):
        parse(text)


def test_a_blank_in_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="blank"):
        options(tmp_path / "a b")


def test_the_mosaic_is_what_its_generator_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "mosaic"))
    import generate

    text = (EXAMPLES / "mosaic" / "workflow.yml").read_text(encoding="utf-8")
    assert render(generate.workflow()) == text
    assert parse(text) == AbstractWorkflow(
        **{**_fields(generate.workflow()), "header": {"apiLang": "python"}}
    )


def test_the_mosaic_has_what_a_demo_must_show(tmp_path: Path) -> None:
    workflow = parse((EXAMPLES / "mosaic" / "workflow.yml").read_text(encoding="utf-8"))
    jobs = planned(
        workflow, tmp_path, cluster="label", replicas={"scene.json": "/s", "palette.json": "/p"}
    ).jobs
    assert len(jobs) >= 40
    assert {job.kind for job in jobs.values()} == set(Kind)
    assert [len(job.tasks) for job in jobs.values() if job.clustered] == [6]
    assert {job.profile("condor", "universe") for job in jobs.values()} == {None, "local", "scheduler"}
    assert [job.name for job in jobs.values() if job.profile("dagman", "PRE")] == ["picture_picture"]
    assert {hook.when for hook in workflow.hooks} == {"start", "end", "error"}
    assert {hook.when for task in workflow.tasks for hook in task.hooks} == {
        "start",
        "success",
        "error",
        "end",
        "all",
    }


@pytest.mark.parametrize("package", ["planner", "standins"])
def test_the_examples_in_docstrings(package: str) -> None:
    names = [package] + [f"{package}.{path.stem}" for path in (EXAMPLES / package).glob("[!_]*.py")]
    results = [doctest.testmod(importlib.import_module(name)) for name in names]
    assert sum(result.attempted for result in results) >= 3
    assert [result.failed for result in results] == [0] * len(names)
