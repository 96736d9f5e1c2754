"""What the builder writes is read as the same, XML and YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given

from monitord_job.notifications.rule import On
from planner_ext.abstract import dax_xml, workflow_yaml
from planner_ext.abstract.workflow import Hook, TaskKind, TransformationName
from planner_ext.builder import Workflow
from planner_ext.errors import WorkflowError
from tests.support.abstract_workflows import workflows


@given(workflows())
def test_both_formats_are_read_as_what_was_built(workflow: Workflow) -> None:
    built = workflow.build()
    assert workflow_yaml.load(workflow.to_yaml(), "w.yml") == built
    assert dax_xml.load(workflow.to_xml(), "w.xml") == built
    assert yaml.safe_load(workflow.to_yaml())["name"] == built.name


def diamond() -> Workflow:
    workflow = Workflow("diamond").hook("end", "tell wf").metadata({"day": 1})
    workflow.transformation("ns::keg:1.0", "/bin/keg", site="condorpool").hook(On.ERROR, "tell keg")
    workflow.file("f.a", "file:///in/f.a")
    first = workflow.job("ns::keg:1.0", "-i", "f.a", "-o", "f.b", inputs=["f.a"], outputs=["f.b"])
    first.hook("on_error", "tell first")
    inner = workflow.sub_workflow("inner.yml", "--sites", "condorpool", label="the inner").inputs("f.b")
    inner.hook("all", "tell inner")
    workflow.depend(workflow.sub_dag("hand.dag").hook("start", "tell dag"), inner)
    return workflow


def test_hooks_at_all_levels() -> None:
    built = diamond().build()
    assert built.hooks == (Hook(On.END, "tell wf"),)
    assert built.transformation(TransformationName("keg", "ns", "1.0")).hooks == (Hook(On.ERROR, "tell keg"),)
    assert built.transformation(TransformationName("keg")) is None
    assert [(task.id, task.kind, task.hooks) for task in built.tasks] == [
        ("ID0000001", TaskKind.JOB, (Hook(On.ERROR, "tell first"),)),
        ("ID0000002", TaskKind.DAX, (Hook(On.ALL, "tell inner"),)),
        ("ID0000003", TaskKind.DAG, (Hook(On.START, "tell dag"),)),
    ]


def test_files_make_dependencies() -> None:
    workflow = Workflow("w")
    planner = workflow.job("makes", outputs=["inner.yml", "x"])
    workflow.sub_workflow("inner.yml")
    workflow.job("reads", inputs=["x"], job_id="ID0000004")
    workflow.job("alone")
    assert [task.id for task in workflow.build().tasks] == [planner.id, "ID0000002", "ID0000004", "ID0000005"]
    assert workflow.build().edges == (("ID0000001", "ID0000002"), ("ID0000001", "ID0000004"))


def test_xml_has_the_order_and_the_words_of_old_planners() -> None:
    text = diamond().to_xml().decode()
    tags = ["metadata", "invoke", "file", "executable", "job", "dax", "dag", "child"]
    places = [text.index(f"\n  <{tag} ") for tag in tags]
    assert places == sorted(places)
    assert '<invoke when="at_end">tell wf</invoke>' in text
    assert '<invoke when="on_error">tell first</invoke>' in text


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda w: w.profile("env", "A", 1), "profiles of the workflow"),
        (lambda w: w.job("x").inputs("f", for_planning=True), "files for planning"),
        (lambda w: w.job("x").inputs("f", bypass=True), "bypass staging"),
        (lambda w: w.hook("end", "a\x01b"), "control characters"),
    ],
)
def test_what_only_yaml_can_say_is_refused_in_xml(make, what) -> None:
    workflow = Workflow("w")
    make(workflow)
    with pytest.raises(WorkflowError, match=what):
        workflow.to_xml()
    assert workflow_yaml.load(workflow.to_yaml(), "w.yml") == workflow.build()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (
            lambda w: w.hook("held", "x"),
            "workflow w: held is not a condition of a hook; use one of never, start",
        ),
        (lambda w: w.job("x").hook("end", " "), "job ID0000001: the hook has no command"),
        (lambda w: [w.job("x", job_id="a"), w.job("y", job_id="a")], "a second job has the id a"),
        (lambda w: w.write("w.txt"), "w.txt: .txt is no format; use .yml"),
        (lambda w: [w.transformation("t"), w.to_yaml()], "transformation t: it is on no site"),
    ],
)
def test_mistakes_are_told_where_they_are_made(make, what) -> None:
    with pytest.raises(WorkflowError, match=what):
        make(Workflow("w"))


def test_written_files_are_read_by_their_looks(tmp_path) -> None:
    from planner_ext.notify.notify_file import load_workflow

    for name in ("w.yml", "w.yaml", "w.xml", "w.dax"):
        assert load_workflow(diamond().write(tmp_path / name)) == diamond().build()
    utf16 = tmp_path / "wide.xml"
    utf16.write_bytes(diamond().to_xml().decode().replace("UTF-8", "UTF-16").encode("utf-16"))
    assert load_workflow(utf16) == diamond().build()
