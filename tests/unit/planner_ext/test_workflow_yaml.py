"""YAML of strangers: every error names its line, nothing can make the reader run away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.notifications.rule import On, Source
from planner_ext.abstract.workflow import TaskKind
from planner_ext.abstract.workflow_yaml import load, load_hooks
from planner_ext.errors import WorkflowError

HEAD = "pegasus: 5.0.4\nname: w\n"
JOB = HEAD + "jobs:\n- type: job\n  id: a\n  name: x\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(c)}: &{chr(c)} [{','.join([f'*{chr(c - 1)}'] * 9)}]\n" for c in range(ord("b"), ord("z"))
)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "it is no YAML mapping"),
        ("- a", 1, "it is no YAML mapping"),
        ("name: w", 1, "the workflow has no pegasus"),
        ("pegasus: 4.0", 1, "it is in format 4.0"),
        ("pegasus: 5.0.4\njobs: []", 1, "the workflow has no name"),
        ("pegasus: 5.0.4\nname: ~", 2, "name of the workflow is no text"),
        (HEAD + "jobs: x", 3, "jobs of the workflow is no list"),
        (HEAD + "jobs:\n- x", 4, "a job is no mapping"),
        (HEAD + "jobs:\n- type: job", 4, "a job has no id"),
        (
            HEAD + "jobs:\n- id: a\n  type: jbo",
            5,
            "type of job a is 'jbo'; write one of job, pegasusWorkflow",
        ),
        (HEAD + "jobs:\n- id: a\n  type: job", 4, "job a has no name"),
        (HEAD + "jobs:\n- id: a\n  type: condorWorkflow", 4, "job a has no file"),
        (JOB + "- type: job\n  id: a\n  name: y", 7, "a second job has the id a"),
        (JOB + "  arguments: [[1]]", 7, "an argument of job a is no text"),
        (
            JOB + "  uses:\n  - lfn: f\n    type: input\n    stageOut: perhaps",
            10,
            "stageOut of a file of job a is neither",
        ),
        (JOB + "  uses:\n  - lfn: f\n    type: in", 9, "type of a file of job a is 'in'"),
        (
            JOB + "  hooks:\n    shell:\n    - _on: done\n      cmd: x",
            9,
            "_on of a hook of job a is 'done'; write one of never",
        ),
        (JOB + "  hooks:\n    shell:\n    - _on: end", 9, "a hook of job a has no cmd"),
        (JOB + "  hooks:\n    shell: x", 8, "shell of hooks of job a is no list"),
        (JOB + "  hooks: []", 7, "hooks of job a is no mapping"),
        (JOB + "  metadata:\n    k: {}", 8, "k of metadata of job a is no text"),
        (JOB + "jobDependencies:\n- id: a\n  children: [b]", 9, "there is no job b"),
        (JOB + "  name: y", 7, "key 'name' is there already, in line 6"),
        (HEAD + "a: b: c", 3, "it is no YAML: mapping values"),
        (HEAD + "a: 'b", 3, "it is no YAML: found unexpected end of stream"),
        (HEAD + "a: *b", 3, "[*]b has no anchor before it"),
        (HEAD + "a: &b [*b]", 3, "[*]b has no anchor before it"),
        (HEAD + "? [a]\n: b", 3, "a key is no text"),
        (HEAD + "? *b\n: b", 3, "[*]b has no anchor"),
        (HEAD + "x: &b [1]\n? *b\n: b\n", 4, "a key is no text"),
        (HEAD + "---\na: b", 3, "a second document begins"),
        (HEAD + "a: " + "[" * 1_000_000, 3, "it is (nested more than 64|no YAML: exceeded maximum nesting)"),
        (HEAD + "- " * 100_000, 3, "it is no YAML"),
        ("- " * 100_000, 1, "it is nested more than 64 deep"),
        (HEAD + BOMB + "jobs: *y", 9, "the aliases until here stand for more than 5,000,000 nodes"),
    ],
)
def test_an_error_names_line_and_remedy(text: str, line: int, what: str) -> None:
    with pytest.raises(WorkflowError, match=rf"^my\.yml:{line}: {what}") as caught:
        load(text.encode(), "my.yml")
    assert caught.value.hint


def test_bytes_that_are_no_text_are_told_with_their_line() -> None:
    with pytest.raises(WorkflowError, match=r"^my\.yml:3: it is no text: .*; save it as UTF-8"):
        load(HEAD.encode() + b"a: \xff", "my.yml")


@given(st.binary() | st.text("[]{}:-*&a!?|>'\"#\n ,").map(str.encode))
def test_nothing_but_a_workflow_error_comes_of_any_bytes(data: bytes) -> None:
    with pytest.raises(WorkflowError):
        load(data, "x")


def test_no_tag_makes_an_object() -> None:
    workflow = load((HEAD + "metadata:\n  a: !!python/name:os.system x\n").encode(), "w")
    assert workflow.metadata == (("a", "x"),)


def test_numbers_are_the_text_that_stands_there() -> None:
    text = (
        JOB
        + "  version: 1.10\n  arguments: [1, 0x10, 'a  b', 1e3]\n  profiles:\n    env: {A: 0010, B: yes}\n"
    )
    (task,) = load(text.encode(), "w").tasks
    assert task.transformation.version == "1.10"
    assert task.arguments == "1 0x10 a b 1e3"
    assert [profile.value for profile in task.profiles] == ["0010", "yes"]


def test_aliases_may_share_what_is_alike() -> None:
    text = JOB + "  hooks: &told\n    shell: [{_on: on_error, cmd: tell}]\n"
    text += "- {type: job, id: b, name: x, hooks: *told}\n"
    first, second = load(text.encode(), "w").tasks
    assert first.hooks == second.hooks
    assert (first.hooks[0].on, first.hooks[0].source) == (On.ERROR, Source("w", 8))


def test_a_key_that_is_unknown_is_told_and_has_no_effect() -> None:
    text = JOB + "  hook:\n    shell: [{_on: end, cmd: x}]\nx-mine: [1]\n"
    workflow = load(text.encode(), "w.yml")
    (note,) = workflow.notes
    assert note.startswith("w.yml:7: key 'hook' of job a is unknown and has no effect; ")
    assert workflow.tasks[0].hooks == ()


def test_a_catalog_beside_the_workflow_gives_its_hooks() -> None:
    text = "pegasus: 5.0.4\ntransformations:\n- name: x\n  hooks: {shell: [{_on: error, cmd: tell}]}\n- {name: y}\n"
    first, second = load_hooks(text.encode(), "t.yml")
    assert [hook.command for hook in first.hooks] == ["tell"]
    assert second.hooks == ()


def test_a_job_without_a_type_is_a_job() -> None:
    (task,) = load((HEAD + "jobs:\n- id: a\n  name: x\n").encode(), "w.yml").tasks
    assert (task.id, task.kind) == ("a", TaskKind.JOB)
