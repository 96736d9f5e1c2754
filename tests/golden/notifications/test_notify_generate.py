"""`bridle notify generate` on directories of the real planner: its own file where it is right, ours where it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitord_job.notifications.rule import Entity, On
from monitord_job.notifications.rule_file import parse
from planner_ext.abstract import xml_document, yaml_nodes
from planner_ext.abstract.workflow_yaml import load_hooks
from planner_ext.cli import run_command
from planner_ext.notify import notify_file
from planner_ext.notify.notify_file import find_workflow, load_workflow
from tests.conftest import OWN, PLANNED, source, wherever

WITH_HOOKS = {
    "notify": 14,
    "notify-clustered": 9,
    "subwf-dax-hooks": 2,
    "dax-xml": 6,
    "pegasus-4.9.3-diamond": 6,
}
"""How many rules the planner wrote: counted by hand."""
OWN_HOOKS = {"notify": 14, "notify-clustered": 1 + 6 * 2, "subwf-dag": 1, "subwf-dax-hooks": 1}
"""In the fixtures, by tests/fixtures/workflows.py."""


def run_of(folder: Path) -> Path:
    (braindump,) = folder.rglob("braindump.*")
    return braindump.parent


def notify_of(run: Path) -> Path:
    (path,) = run.glob("*.notify")
    return path


def line_before(path: Path, text: str) -> int:
    """The number of the line before the one with that text: of a hook's `_on`, which comes before its `cmd`."""
    (found,) = [number for number, line in enumerate(path.read_text().split("\n")) if text in line]
    return found


def generate(capfdbinary, *arguments: object) -> bytes:
    code = run_command(["notify", "generate", *map(str, arguments)])
    out, err = capfdbinary.readouterr()
    assert (code, err) == (0, b"")
    return out


@pytest.mark.parametrize("archive", PLANNED)
def test_in_the_planners_words_it_is_the_planners_file(archive, corpus, capfdbinary, request) -> None:
    run = run_of(corpus(f"planned/{archive}"))
    words = "4" if "4.9" in archive else "5"
    planners = notify_of(run).read_bytes()
    assert generate(capfdbinary, run, "--output", "-", "--words", words) == planners
    hooks = OWN_HOOKS if source(request.node) == OWN else WITH_HOOKS
    assert len(parse(planners).rules) == hooks.get(archive, 0)


@pytest.mark.parametrize(
    "archive", wherever("planned", [*WITH_HOOKS, "subwf-dag", "lclust", "subwf-nested3"])
)
def test_without_static_bp_the_submit_files_say_the_same(archive, fresh_corpus, capfdbinary) -> None:
    run = run_of(fresh_corpus(f"planned/{archive}"))
    with_it = generate(capfdbinary, run, "--output", "-")
    (static,) = run.glob("*.static.bp")
    static.unlink()
    without = generate(capfdbinary, run, "--output", "-")
    # The order of the jobs is the DAG's then.
    assert sorted(without.splitlines()) == sorted(with_it.splitlines())


def test_by_default_the_words_are_those_that_pegasus_monitord_understands(fresh_corpus, capfdbinary) -> None:
    run = run_of(fresh_corpus("planned/notify"))
    path = notify_of(run)
    planners = path.read_bytes()
    said = generate(capfdbinary, run)
    assert said.endswith(b"workflow.yml; what was there is in notify-0.notify.000\n")
    assert path.with_name("notify-0.notify.000").read_bytes() == planners
    file = parse(path.read_bytes())
    assert file.rules == parse(planners).rules
    words = {line.raw.split()[2] for line in file.lines if line.content}
    assert words == {b"never", b"start", b"on_success", b"on_error", b"at_end", b"all"}
    before = path.read_bytes()
    assert generate(capfdbinary, run).endswith(b"14 rules, nothing to change\n")
    assert path.read_bytes() == before
    # Ours, and nobody edited it: other words may replace it, and no copy is kept.
    generate(capfdbinary, run, "--words", "5")
    assert path.read_bytes().endswith(planners)
    assert sorted(found.name for found in run.glob("*.notify*")) == ["notify-0.notify", "notify-0.notify.000"]


@pytest.mark.parametrize("mine", [b"JOB mine error my.sh\n", b"# mine\n", b"JOB damaged\n"])
def test_what_somebody_wrote_is_not_lost_unasked(mine, fresh_corpus, capfd) -> None:
    run = run_of(fresh_corpus("planned/notify"))
    path = notify_of(run)
    for edited in (path.read_bytes() + mine, mine):
        path.write_bytes(edited)
        assert run_command(["notify", "generate", str(run)]) == 2
        said = capfd.readouterr().err
        assert said.startswith(f"bridle: {path}:{edited.count(10)}: {mine.decode().strip()!r} would be lost")
        assert "--force" in said
        assert path.read_bytes() == edited
    assert run_command(["notify", "generate", str(run), "--force"]) == 0
    assert path.with_name(f"{path.name}.000").read_bytes() == mine
    path.write_bytes(path.read_bytes() + mine)  # a file of ours that was edited is somebody's
    assert run_command(["notify", "generate", str(run)]) == 2
    assert run_command(["notify", "generate", str(run), "--force"]) == 0
    assert path.with_name(f"{path.name}.001").read_bytes().endswith(mine)


@pytest.mark.corpus
def test_json_says_where_each_rule_comes_from(corpus, capfdbinary) -> None:
    run = run_of(corpus("planned/notify-clustered"))
    found = json.loads(generate(capfdbinary, run, "--output", "-", "--json"))
    assert (found["file"], found["changed"], found["kept_as"], found["notes"]) == (None, False, None, [])
    assert found["workflow"] == str(run / "workflow.yml")
    assert found["rules"][0]["entity"] == "WORKFLOW"
    assert found["rules"][1] == {
        "entity": "INVOCATION",
        "name": "merge_grp1",
        "invocation": 1,
        "on": "end",
        "how": "command",
        "command": "/home/scientist/bin/hook.sh clustered w00006",
        "source": f"{run}/workflow.yml:{line_before(run / 'workflow.yml', 'hook.sh clustered w00006')}",
    }


@pytest.mark.corpus
def test_hooks_of_transformations_are_for_all_their_jobs(fresh_corpus, capfdbinary) -> None:
    run = run_of(fresh_corpus("planned/notify-clustered"))
    workflow = run / "workflow.yml"
    inline = b"transformationCatalog:\n  transformations:\n  - name: work\n    sites: []\n"
    workflow.write_bytes(
        workflow.read_bytes() + inline + b"    hooks: {shell: [{_on: error, cmd: inline}]}\n"
    )
    catalog = run / "catalogs" / "transformations.yml"
    text = catalog.read_text()
    place = text.index("- name: split\n") + len("- name: split\n")
    catalog.write_text(text[:place] + "  hooks: {shell: [{_on: error, cmd: beside}]}\n" + text[place:])
    rules = parse(generate(capfdbinary, run, "--output", "-")).rules
    added = [rule for rule in rules if rule.condition.on is On.ERROR]
    assert [(rule.entity, rule.name, rule.number) for rule in added if rule.action.text == "inline"] == [
        (Entity.INVOCATION, f"merge_grp{group}", number) for group in (1, 0) for number in (1, 2, 3, 4)
    ]
    assert [(rule.entity, rule.name) for rule in added if rule.action.text == "beside"] == [
        (Entity.JOB, "split_split")
    ]


@pytest.mark.corpus
def test_a_dag_of_the_users_is_a_dagjob(fresh_corpus, capfdbinary) -> None:
    run = run_of(fresh_corpus("planned/subwf-dag"))
    workflow = run / "workflow.yml"
    hook = b"  id: dag1\n  hooks: {shell: [{_on: end, cmd: tell}]}\n"
    workflow.write_bytes(workflow.read_bytes().replace(b"  id: dag1\n", hook))
    assert generate(capfdbinary, run, "--output", "-") == b"\nDAGJOB dagman_dag1 at_end tell\n"


def test_a_job_that_was_not_planned_is_told(fresh_corpus, capfd) -> None:
    run = run_of(fresh_corpus("planned/notify"))
    (static,) = run.glob("*.static.bp")
    lines = static.read_bytes().splitlines(keepends=True)
    static.write_bytes(b"".join(line for line in lines if b"analyze_ID0000004" not in line))
    assert run_command(["notify", "generate", str(run), "--output", "-"]) == 0
    out, err = capfd.readouterr()
    assert "analyze" not in out
    assert err.startswith(f"bridle: {run}/workflow.yml:")
    assert "job ID0000004 is not in the plan, its hooks have no effect" in err


def test_a_workflow_elsewhere_is_found_by_braindump_or_named(fresh_corpus, work_dir, capfd) -> None:
    run = run_of(fresh_corpus("planned/notify"))
    expected = (run / "workflow.yml").rename(work_dir / "mine.yml")
    assert run_command(["notify", "generate", str(run), "--output", "-"]) == 2
    assert (
        "workflow.yml is neither there nor at /home/scientist/notify/workflow.yml" in capfd.readouterr().err
    )
    target = work_dir / "here.notify"
    assert (
        run_command(["notify", "generate", str(run), "--workflow", str(expected), "--output", str(target)])
        == 0
    )
    assert len(parse(target.read_bytes()).rules) == 14
    braindump = run / "braindump.yml"
    braindump.write_text(braindump.read_text().replace("/home/scientist/notify/workflow.yml", str(expected)))
    assert run_command(["notify", "generate", str(run)]) == 0


@pytest.mark.corpus
def test_a_hook_that_no_line_can_say_is_named(fresh_corpus, capfd) -> None:
    run = run_of(fresh_corpus("planned/notify"))
    workflow = run / "workflow.yml"
    workflow.write_bytes(
        workflow.read_bytes().replace(b"cmd: /home/scientist/bin/hook.sh wf end", b"cmd: \"a 'b\\n c'\"")
    )
    assert run_command(["notify", "generate", str(run)]) == 2
    line = line_before(workflow, "b\\n c")
    assert (
        f"{workflow}:{line}: a rule is one line, and this has line breaks; put the" in capfd.readouterr().err
    )


@pytest.mark.parametrize("beginning", [b"<adag>", b"pegasus: 5.0.4\n"])
def test_of_a_document_without_end_no_more_is_read_than_is_taken(
    beginning, fresh_corpus, work_dir, capfd, monkeypatch
) -> None:
    for module in (notify_file, xml_document, yaml_nodes):
        monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    run = run_of(fresh_corpus("planned/notify"))
    endless = work_dir / "endless"
    with endless.open("wb") as stream:
        stream.write(beginning)
        stream.truncate(1 << 43)
    assert run_command(["notify", "generate", str(run), "--workflow", str(endless)]) == 2
    assert f"{endless}: it has more than 1 MB; split it into sub-workflows" in capfd.readouterr().err


@pytest.mark.parametrize("archive", PLANNED)
def test_the_planners_inputs_are_understood_whole(archive, corpus) -> None:
    from dag_rewriter.directory.submit_dir import open_submit_dir

    run = run_of(corpus(f"planned/{archive}"))
    workflow = load_workflow(find_workflow(open_submit_dir(run)))
    assert workflow.tasks
    assert workflow.notes == ()
    catalog = run / "catalogs" / "transformations.yml"
    if "xml" not in find_workflow(open_submit_dir(run)).name:
        assert load_hooks(catalog.read_bytes(), str(catalog))
