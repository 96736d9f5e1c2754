"""Workflows and rules between Pegasus 5.1.3 and us: what one writes, the other reads as the same."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from monitord_job.notifications.rule_file import parse
from planner_ext.abstract import dax_xml, workflow_yaml
from planner_ext.abstract.workflow import AbstractWorkflow, Link, Use
from planner_ext.builder import Workflow
from tests.conftest import Corpus, wherever
from tests.support.places import BUILD

Pegasus = Callable[..., str]
SCRIPT = Path(__file__).with_name("pegasus_documents.py")


@pytest.fixture
def pegasus(tmp_path: Path) -> Pegasus:
    """`pegasus("write", FILE)` runs pegasus_documents.py in the environment of Pegasus's own tools."""
    python = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer")) / "bin" / "python"

    def run(*words: object) -> str:
        command = [str(python), str(SCRIPT), *map(str, words)]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def as_pegasus_wrote_it() -> Workflow:
    """What pegasus_documents.py says, with our builder."""
    workflow = Workflow("diamond").metadata({"day": 1, "who": "me: myself"})
    for event in ("never", "start", "error", "success", "end", "all"):
        workflow.hook(event, f"/bin/tell wf {event}")
    keg = workflow.transformation("ns::keg:1.0", "/bin/keg", site="condorpool")
    keg.hook("error", "/bin/tell 'a keg' \"é\"").profile("env", "LANG", "C")
    workflow.file("f.a", "file:///in/f.a").file("f.a", "http://x/f.a", site="web")
    job = workflow.job("ns::keg:1.0", "-n", 1, 0.5, "-i", "f.a", "-o", "f.b", job_id="j.1", label="the first")
    job.inputs("f.a").uses(Use("f.b", Link.OUTPUT, False, False, "10", (("size", "10"),)))
    job.outputs("f.out").streams(stdout="f.out").metadata({"m": 1.5})
    job.profile("pegasus", "label", "grp").profile("pegasus", "runtime", 10)
    job.hook("end", "/bin/tell job | cat; echo $PEGASUS_STATUS")
    inner = workflow.sub_workflow("inner.yml", "--sites", "condorpool", job_id="0000008").inputs("f.b")
    inner.hook("all", "/bin/tell inner")
    hand = workflow.sub_dag("hand.dag", job_id="hand").hook("start", "/bin/tell hand")
    return workflow.depend(hand, inner)


def test_pegasuss_own_documents_are_read_as_what_they_say(pegasus: Pegasus, tmp_path: Path) -> None:
    path = tmp_path / "w.yml"
    pegasus("write", path)
    found = workflow_yaml.load(path.read_bytes(), str(path))
    assert found == as_pegasus_wrote_it().build()
    assert found.notes == ()
    # And from ours, whichever the format.
    assert dax_xml.load(dax_xml.dump(found), "w.xml") == found


def what_pegasus_keeps(workflow: AbstractWorkflow) -> tuple[object, ...]:
    # Its loader knows no hooks and no metadata of the workflow itself (Pegasus.workflow._to_wf).
    return workflow.name, workflow.tasks, workflow.edges, workflow.files, workflow.transformations


def test_pegasus_reads_our_yaml_and_understands_it(pegasus: Pegasus, tmp_path: Path) -> None:
    ours, resaved = as_pegasus_wrote_it().write(tmp_path / "ours.yml"), tmp_path / "resaved.yml"
    pegasus("resave", ours, resaved)
    found = workflow_yaml.load(resaved.read_bytes(), str(resaved))
    assert what_pegasus_keeps(found) == what_pegasus_keeps(as_pegasus_wrote_it().build())


@pytest.mark.parametrize(
    "archive", wherever("planned", ["notify", "notify-clustered", "subwf-dax-hooks", "pegasus-4.9.3-diamond"])
)
def test_pegasus_monitord_reads_our_rules_as_we_do(
    archive: str, pegasus: Pegasus, fresh_corpus: Corpus
) -> None:
    from planner_ext.cli import run_command

    (path,) = fresh_corpus(f"planned/{archive}").rglob("*.notify")
    assert run_command(["notify", "generate", str(path.parent)]) == 0
    rules = parse(path.read_bytes()).rules
    found = json.loads(pegasus("rules", path, rules[0].name))
    assert found["count"] == len(rules) > 0
    by_kind = found["rules"]
    for rule in rules:
        known = by_kind[{"WORKFLOW": "workflow", "INVOCATION": "invocation"}.get(rule.entity.value, "job")][
            rule.name
        ]
        actions = (known[str(rule.number)] if rule.number else known)[_peers_word(rule.condition.on.value)]
        assert rule.action.text in actions


def _peers_word(word: str) -> str:
    """What pegasus-monitord compares with (Pegasus.monitoring.notifications)."""
    return {"success": "on_success", "error": "on_error", "end": "at_end"}.get(word, word)
