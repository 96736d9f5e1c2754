"""Real runs of Pegasus that failed, were removed, went on: where they stand, as their own files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.rescue.rescue_dag import parse_rescue, render_rescue
from dag_rewriter.rescue.rescue_files import Workflow, read_workflow
from dag_rewriter.rescue.rescue_plan import Choice, plan_redo, plan_use
from dag_rewriter.rescue.run_state import NodeState
from tests.conftest import Corpus

NOW = Choice(now=2_000_000_000)


@pytest.fixture
def recorded(corpus: Corpus):
    def read(name: str) -> Workflow:
        found = sorted(corpus(f"recorded/{name}").rglob("braindump.yml"), key=lambda path: len(path.parts))
        return read_workflow(open_submit_dir(Path(found[0]).parent))

    return read


def counts(workflow: Workflow) -> dict[str, int]:
    return {
        state.value: len(workflow.run_state.of(state)) for state in NodeState if workflow.run_state.of(state)
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("failing-condorio", {"done": 14}),
        pytest.param(
            "dagman-profiles-removed",
            {"done": 1, "interrupted": 1, "never started": 13},
            marks=pytest.mark.corpus,
        ),
        pytest.param("subwf-dag-monitordcrash", {"done": 9, "failed": 2}, marks=pytest.mark.corpus),
        pytest.param(
            "fan100-missinginput", {"done": 7, "failed": 97, "never started": 26}, marks=pytest.mark.own
        ),
        pytest.param("subwf-dax-hooks", {"done": 9}, marks=pytest.mark.corpus),
        pytest.param("subwf-dax-hooks", {"done": 11}, marks=pytest.mark.own),
    ],
)
def test_where_a_run_stands(recorded, name, expected):
    assert counts(recorded(name)) == expected


def test_what_dagman_wrote_comes_back_byte_for_byte(corpus):
    (path,) = corpus("recorded/failing-condorio").rglob("*.rescue001")
    data = path.read_bytes()
    assert render_rescue(parse_rescue(data, path.name), "failingio-0.dag") == data


def test_the_state_between_is_still_known_after_the_rescue_run(recorded):
    workflow = recorded("failing-condorio")
    then = workflow.state_from(workflow.rescues[0])
    assert then.of(NodeState.FAILED) == ("flag_needflag",)
    assert len(then.of(NodeState.NEVER)) == 6
    plan = plan_use(workflow, 1, NOW)
    assert len(plan.runs) == 7
    assert [step.path.name for step in plan.steps] == ["failingio-0.dag.rescue002"]


def test_a_sub_workflow_of_pegasus_is_found_wherever_its_directory_is_now(recorded):
    workflow = recorded("subwf-dax-hooks")
    ((node, below),) = workflow.children.items()
    assert (node, below.submit_dir.dag) == ("pegasus-plan_subwf1", "inner-0.dag")
    assert counts(below) == {"done": len(below.run_state.nodes)}
    plan = plan_redo(workflow, ["prep_prep"], True, NOW)
    assert [step.path.name for step in plan.steps] == ["inner-0.dag.rescue001", "subwfh-0.dag.rescue001"]
