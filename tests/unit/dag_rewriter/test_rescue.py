"""Rescue DAGs: the format, where a workflow stands, and what is to be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter import files
from dag_rewriter.directory.locate import open_target
from dag_rewriter.errors import DagSyntaxError, FileError, RunningError
from dag_rewriter.logs import dagman_log
from dag_rewriter.model.graph import UnknownNodeError
from dag_rewriter.rescue.newest_rescue import newest_rescue
from dag_rewriter.rescue.rescue_dag import RescueDag, RescueError, Retries, parse_rescue, render_rescue
from dag_rewriter.rescue.rescue_files import read_workflow, refuse_if_in_use, wants_to_run
from dag_rewriter.rescue.rescue_plan import Choice, limit_notes, plan_redo, plan_scratch, plan_use
from dag_rewriter.rescue.rescue_steps import SetAside, Write, carry_out
from dag_rewriter.rescue.run_history import parse_history
from dag_rewriter.rescue.run_state import NodeState
from dag_rewriter.rewriting.rescue_lines import mended
from planner_ext.commands.rescue import rescue

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters=",#", exclude_categories=["Cc", "Cs", "Z"]), min_size=1
).filter(lambda name: "<ENDLIST>" not in name)
WHEN = 1_795_427_000
NOW = Choice(now=WHEN + 1000)
DAG = """JOB A a.sub
JOB NODE a.sub
JOB DONE a.sub
JOB D a.sub
RETRY NODE 3 UNLESS-EXIT 2
SUBDAG EXTERNAL S s.dag
FINAL F a.sub
PARENT A CHILD NODE DONE
PARENT NODE DONE CHILD D
PARENT D CHILD S
JOBSTATE_LOG js.log
"""


@given(
    st.lists(NAMES, unique=True),
    st.lists(NAMES),
    st.dictionaries(NAMES, st.integers(0, 9)),
    st.none() | NAMES,
)
def test_the_text_has_an_inverse(done, failed, left, origin):
    retries = {name: Retries(number, None if number % 2 else -number) for name, number in left.items()}
    made = RescueDag(tuple(done), tuple(failed), retries, WHEN, len(done), origin)
    assert parse_rescue(render_rescue(made, "x.dag"), "x.dag.rescue001") == made


def test_a_whole_dag_is_refused():
    with pytest.raises(DagSyntaxError, match="whole DAG"):
        parse_rescue(b"# Rescue DAG version: 2.0.1 (full)\nJOB A a.sub DONE\n", "x.dag.rescue001")


def log(*lines: str, start: int = WHEN) -> str:
    return "".join(f"{start + at} {line}\n" for at, line in enumerate(lines))


STARTED, FINISHED = "INTERNAL *** DAGMAN_STARTED 5.0 ***", "INTERNAL *** DAGMAN_FINISHED {} ***"
GOOD = ("{0} SUBMIT 7.0 - - {1}", "{0} JOB_TERMINATED 7.0 - - {1}", "{0} JOB_SUCCESS 0 - - {1}")
BAD = ("{0} SUBMIT 7.0 - - {1}", "{0} JOB_TERMINATED 7.0 - - {1}", "{0} JOB_FAILURE 3 - - {1}")


def went(words: tuple[str, ...], node: str, number: int) -> list[str]:
    return [word.format(node, number) for word in words]


def test_a_recovery_goes_on_with_the_run_before_it():
    text = log(
        STARTED,
        *went(GOOD, "A", 1),
        FINISHED.format(3),
        STARTED,
        "INTERNAL *** RECOVERY_STARTED ***",
        "INTERNAL *** RECOVERY_FINISHED ***",
        *went(BAD, "NODE", 2),
        FINISHED.format(1),
    )
    found = parse_history(text.encode())
    assert (found.started, found.exit_code, sorted(found.nodes)) == (WHEN, 1, ["A", "NODE"])
    assert found.nodes["A"].done(has_post=False)
    assert not found.nodes["A"].done(has_post=True)
    assert found.nodes["NODE"].failed


def test_a_new_run_begins_anew_and_a_removal_is_no_success():
    text = log(
        STARTED, *went(GOOD, "A", 1), FINISHED.format(0), STARTED, "A SUBMIT 9.0 - - 2", FINISHED.format(2)
    )
    found = parse_history(text.encode())
    assert (found.exit_code, found.nodes["A"].over, found.succeeded) == (2, False, False)
    assert parse_history(text.encode(), until=WHEN + 4).succeeded


@pytest.mark.parametrize(
    ("events", "job"),
    [("", None), ("000", "5.0"), ("000 005", None), ("000 012", "5.0"), ("000 009 000", "5.0")],
)
def test_the_event_log_tells_whether_dagman_is_in_the_queue(events, job):
    text = "".join(f"{event} (005.000.000) x\n...\n" for event in events.split())
    assert dagman_log.queued(text.encode()) == job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ran once: A done, NODE failed in 2 attempts, DONE done, the rest never began."""
    (tmp_path / "x.dag").write_text(DAG)
    (tmp_path / "s.dag").write_text("JOB X a.sub\nJOB Y a.sub\nPARENT X CHILD Y\nJOBSTATE_LOG s.js\n")
    (tmp_path / "a.sub").write_text("queue\n")
    ran = log(
        STARTED,
        *went(GOOD, "A", 1),
        *went(BAD, "NODE", 2),
        *went(GOOD, "DONE", 3),
        *went(BAD, "NODE", 4),
        FINISHED.format(1),
    )
    (tmp_path / "js.log").write_text(ran)
    first = RescueDag(("A", "DONE", "_condor_join_node0"), ("NODE",), {}, WHEN + 13, 6)
    (tmp_path / "x.dag.rescue001").write_bytes(render_rescue(first, "x.dag"))
    return tmp_path


def test_a_rewrite_takes_the_rescue_dag_that_dagman_would(folder: Path) -> None:
    """It looks for no number above DAGMAN_MAX_RESCUE_NUM, and writes that one over when it is reached."""
    (folder / "x.dag").write_text(DAG + "CONFIG my.config\n")
    (folder / "my.config").write_text("DAGMAN_MAX_RESCUE_NUM = 2\n")
    for number in ("000", "002", "003", "002.old"):
        (folder / f"x.dag.rescue{number}").write_text("DONE A\nDONE bridle_monitor\n")
    submit_dir = open_target(folder / "x.dag")
    found = newest_rescue(submit_dir, "my.config")
    assert found is not None
    assert found.name == "x.dag.rescue002"
    assert mended(found, {"A"}) == ("x.dag.rescue002", b"DONE A\n")
    unlimited = newest_rescue(submit_dir, None)
    assert unlimited is not None
    assert mended(unlimited, {"A"}) == ("x.dag.rescue004", b"DONE A\n")


def workflow(folder: Path):
    return read_workflow(open_target(folder / "x.dag"))


def written(plan) -> dict[str, RescueDag]:
    return {s.path.name: parse_rescue(s.data, s.path.name) for s in plan.steps if isinstance(s, Write)}


def renamed(plan) -> dict[str, str]:
    return {s.path.name: s.to.name for s in plan.steps if isinstance(s, SetAside)}


def test_where_it_stands_after_a_failure(folder):
    run_state = workflow(folder).run_state
    assert run_state.rescue == 1
    assert run_state.nodes == {
        "A": NodeState.DONE,
        "NODE": NodeState.FAILED,
        "DONE": NodeState.DONE,
        "D": NodeState.NEVER,
        "S": NodeState.NEVER,
    }


def test_a_later_success_makes_everything_done(folder):
    with (folder / "js.log").open("a") as file:
        file.write(log(STARTED, *went(GOOD, "NODE", 5), FINISHED.format(0), start=WHEN + 100))
    found = workflow(folder)
    assert set(found.run_state.nodes.values()) == {NodeState.DONE}
    assert not wants_to_run(found.submit_dir, ended=WHEN + 104)
    carry_out(plan_redo(found, ["D"], True, NOW).steps)
    assert wants_to_run(found.submit_dir, ended=WHEN + 104)
    assert workflow(folder).run_state.of(NodeState.DONE) == ("A", "NODE", "DONE")


LEFT = """005 (009.000.000) 2026-11-23 05:29:35 Job terminated.
\t(1) Normal termination (return value {})
...
"""


def test_of_a_run_without_a_jobstate_log_the_schedd_says_whether_all_is_done(folder):
    for name in ("js.log", "x.dag.rescue001"):
        (folder / name).unlink()
    assert workflow(folder).run_state.source == "the DAG, which has not run"
    (folder / "x.dag.dagman.log").write_text(LEFT.format(1))
    assert workflow(folder).has_run
    assert "not run" not in workflow(folder).run_state.source
    (folder / "x.dag.dagman.log").write_text(LEFT.format(0))
    found = workflow(folder)
    assert set(found.run_state.nodes.values()) == {NodeState.DONE}
    assert plan_redo(found, ["D"], False, NOW).runs == ("D",)


def test_dagman_that_died_without_a_word_is_read_from_its_log(folder):
    with (folder / "js.log").open("a") as file:
        file.write(log(STARTED, *went(GOOD, "NODE", 5), "D SUBMIT 9.0 - - 6", start=WHEN + 100))
    (folder / "x.dag.lock").touch()
    (folder / "x.dag.lock.old").touch()
    found = workflow(folder)
    assert found.run_state.of(NodeState.DONE) == ("A", "NODE", "DONE")
    assert found.run_state.of(NodeState.INTERRUPTED) == ("D",)
    plan = plan_redo(found, ["NODE"], False, NOW)
    assert renamed(plan) == {"x.dag.lock": "x.dag.lock.old.2"}  # or DAGMan would recover from its log instead
    assert plan.runs == ("NODE", "D", "S")


def test_redo_writes_a_new_file_without_join_nodes_and_edits_none(folder):
    before = (folder / "x.dag.rescue001").read_bytes()
    found = workflow(folder)
    plan = plan_redo(found, ["DONE"], False, NOW)
    assert list(written(plan)) == ["x.dag.rescue002"]
    assert written(plan)["x.dag.rescue002"].done == ("A",)
    assert plan.notes == ()
    carry_out(plan.steps)
    assert (folder / "x.dag.rescue001").read_bytes() == before
    with pytest.raises(UnknownNodeError, match="did you mean NODE"):
        plan_redo(found, ["ode"], False, NOW)


def test_redo_says_what_stays_done(folder):
    (note,) = plan_redo(workflow(folder), ["A"], False, NOW).notes
    assert "1 nodes that depend on them stay done (DONE ...)" in note
    assert plan_redo(workflow(folder), ["A"], True, NOW).notes == ()


def test_retries_are_kept_or_reset(folder):
    kept = Choice(NOW.now, keep_retries=True)
    assert written(plan_use(workflow(folder), 1, kept))["x.dag.rescue002"].retries == {"NODE": Retries(2, 2)}
    assert (
        b"# 1 of 3 retries already performed; 2 remaining"
        in plan_use(workflow(folder), 1, kept).steps[0].data
    )
    carry_out(plan_use(workflow(folder), 1, kept).steps)
    again = plan_use(workflow(folder), 2, kept)
    assert written(again)["x.dag.rescue003"].retries == {"NODE": Retries(2, 2)}  # nothing ran in between
    assert written(plan_redo(workflow(folder), ["A"], False, NOW))["x.dag.rescue003"].retries == {}


def test_use_of_the_newest_has_nothing_to_do_and_of_a_vanished_node_says_so(folder):
    plan = plan_use(workflow(folder), 1, NOW)
    assert (plan.steps, plan.notes) == ((), ("the next run uses x.dag.rescue001 anyway",))
    with pytest.raises(RescueError, match="there is no rescue DAG 7"):
        plan_use(workflow(folder), 7, NOW)
    (folder / "x.dag").write_text(DAG.replace("DONE a.sub", "NEW a.sub").replace(" DONE", " NEW"))
    plan = plan_use(workflow(folder), 1, Choice(NOW.now, renumber=True))
    assert written(plan)["x.dag.rescue001"].done == ("A",)
    assert "1 nodes that the DAG no longer has (DONE ...)" in plan.notes[0]


def test_scratch_sets_aside_and_writes_nothing_over(folder):
    (folder / "x.dag.rescue001.old").write_text("older")
    plan = plan_scratch(workflow(folder), NOW)
    assert renamed(plan) == {"x.dag.rescue001": "x.dag.rescue001.old.2"}
    carry_out(plan.steps)
    assert (folder / "x.dag.rescue001.old").read_text() == "older"
    assert parse_rescue((folder / "x.dag.rescue001").read_bytes(), "").done == ()
    assert plan.runs == ("A", "NODE", "DONE", "D", "S")
    assert workflow(folder).run_state.of(NodeState.DONE) == ()


@pytest.mark.parametrize("steps", range(4))
def test_a_scratch_that_was_cut_off_left_the_old_state_or_none(folder, steps):
    (folder / "x.dag.rescue002").write_bytes(
        render_rescue(RescueDag(("A", "DONE"), created=WHEN + 20), "x.dag")
    )
    plan = plan_scratch(workflow(folder), NOW)
    assert len(plan.steps) == 3
    carry_out(plan.steps[:steps])
    newest = workflow(folder).rescues[-1:]
    assert [len(each.rescue.done) for each in newest] == [[2], [2], [], [0]][steps]
    carry_out(plan_scratch(workflow(folder), NOW).steps)
    assert workflow(folder).run_state.of(NodeState.DONE) == ()


def test_a_file_that_came_meanwhile_is_not_written_over(folder):
    plan = plan_redo(workflow(folder), ["A"], True, NOW)
    (folder / "x.dag.rescue002").write_text("of another process")
    with pytest.raises(FileError, match="a moment ago"):
        carry_out(plan.steps)
    assert (folder / "x.dag.rescue002").read_text() == "of another process"


def test_sub_dags_follow(folder):
    for number, when in ((1, WHEN + 5), (2, WHEN + 50)):
        content = render_rescue(RescueDag(("X",), created=when), "s.dag")
        (folder / f"s.dag.rescue00{number}").write_bytes(content)
    below = written(plan_use(workflow(folder), 1, NOW))["s.dag.rescue003"]
    assert below.origin == "as s.dag.rescue001"
    plan = plan_redo(workflow(folder), ["D"], True, NOW)
    assert renamed(plan) == {f"s.dag.rescue00{n}": f"s.dag.rescue00{n}.old" for n in (1, 2)}
    assert written(plan)["s.dag.rescue001"].done == ()
    assert plan.steps[-1].path.name == "x.dag.rescue002"
    plan = plan_redo(workflow(folder), ["A"], False, NOW)
    assert list(written(plan)) == ["x.dag.rescue002"]


@pytest.fixture
def succeeded(folder: Path) -> Path:
    """Everything is done, in the sub-workflow too, which lies in a folder of its own and has one below itself."""
    (folder / "below" / "t").mkdir(parents=True)
    (folder / "x.dag").write_text(DAG.replace("s.dag", "s.dag DIR below"))
    inner = "JOB X ../a.sub\nJOB Y ../a.sub\nSUBDAG EXTERNAL T t/t.dag\nPARENT X CHILD Y\nJOBSTATE_LOG s.js\n"
    (folder / "below/s.dag").write_text(inner)
    (folder / "below/t/t.dag").write_text("JOB Z a.sub\nJOB Q a.sub\nJOBSTATE_LOG t.js\n")
    for name in ("js.log", "below/s.js", "below/t/t.js", "s.js", "t.js"):
        (folder / name).write_text(log(STARTED, FINISHED.format(0), start=WHEN + 100))
    return folder


@pytest.mark.parametrize(("target", "node"), [("x.dag", "S/X"), ("below/s.dag", "X")])
def test_redo_inside_a_sub_workflow_reaches_the_run_above(succeeded, target, node):
    words = ["redo", str(succeeded / target), node]
    shown = json.loads(CliRunner().invoke(rescue, [*words, "--json"], catch_exceptions=False).stdout)
    assert [Path(path).name for path in shown["written"]] == ["s.dag.rescue001", "x.dag.rescue002"]
    assert shown["runs"] == ["S", "S/X"]
    notes = " ".join(shown["notes"])
    assert "in S: 1 nodes that depend on them stay done (Y ...)" in notes
    assert (f"`bridle run {succeeded / 'x.dag'}`" in notes) == (target != "x.dag")
    assert parse_rescue((succeeded / "below/s.dag.rescue001").read_bytes(), "").done == ("Y", "T")
    assert parse_rescue((succeeded / "x.dag.rescue002").read_bytes(), "").done == ("A", "NODE", "DONE", "D")
    assert not (succeeded / "below/t/t.dag.rescue001").exists(), "T is done, and stays so"


def test_redo_two_levels_down_reaches_the_top(succeeded):
    done = CliRunner().invoke(rescue, ["redo", str(succeeded / "below/t/t.dag"), "Z"], catch_exceptions=False)
    for line in ("wrote below/t/t.dag.rescue001", "wrote below/s.dag.rescue001", "wrote x.dag.rescue002"):
        assert line in done.stdout
    assert parse_rescue((succeeded / "below/s.dag.rescue001").read_bytes(), "").done == ("X", "Y")
    assert parse_rescue((succeeded / "below/t/t.dag.rescue001").read_bytes(), "").done == ("Q",)


def test_redo_of_the_whole_sub_workflow_and_of_a_node_in_it_begins_afresh(succeeded):
    plan = plan_redo(workflow(succeeded), ["S", "S/X"], False, NOW)
    assert written(plan)["s.dag.rescue001"].origin == "scratch"
    assert plan.runs == ("S",)
    with pytest.raises(UnknownNodeError):
        plan_redo(workflow(succeeded), ["S/none"], False, NOW)


def test_the_limit_is_seen_before_it_bites(folder):
    content = (folder / "x.dag.rescue001").read_bytes()
    (folder / "x.dag.rescue089").write_bytes(content)
    assert list(limit_notes(workflow(folder))) == []
    (folder / "x.dag.rescue090").write_bytes(content)
    (note,) = limit_notes(workflow(folder))
    assert "rescue DAG 90 of at most 100" in note
    (folder / "x.dag.rescue100").write_bytes(content)
    with pytest.raises(RescueError, match="--renumber"):
        plan_redo(workflow(folder), ["A"], True, NOW)
    plan = plan_redo(workflow(folder), ["A"], True, Choice(NOW.now, renumber=True))
    assert list(renamed(plan)) == [f"x.dag.rescue{n}" for n in ("001", "089", "090", "100")]
    assert list(written(plan)) == ["x.dag.rescue001"]
    carry_out(plan.steps)
    assert workflow(folder).rescues[-1].number == 1


def test_a_configured_limit_counts(folder):
    (folder / "x.dag").write_text(DAG + "CONFIG c\n")
    (folder / "c").write_text("dagman_max_rescue_num = 1\n")
    with pytest.raises(RescueError, match="none above 1"):
        plan_redo(workflow(folder), ["A"], True, NOW)


def test_a_number_that_dagman_does_not_look_for_counts_for_nothing(folder):
    (folder / "x.dag.rescue101").write_text("DONE A\nDONE NODE\nDONE DONE\nDONE D\nDONE S\n")
    (folder / "x.dag.rescue101.old").write_text("")
    found = workflow(folder)
    assert found.run_state.rescue == 1
    assert found.set_aside == ("x.dag.rescue101", "x.dag.rescue101.old")
    assert not wants_to_run(found.submit_dir, ended=WHEN + 99)
    (folder / "x.dag").write_text(DAG + "CONFIG c\n")
    (folder / "c").write_text("DAGMAN_MAX_RESCUE_NUM = 200\n")
    assert workflow(folder).run_state.rescue == 101
    assert wants_to_run(found.submit_dir, ended=WHEN + 99)


def test_it_is_refused_while_dagman_is_in_the_queue(folder):
    (folder / "x.dag.dagman.log").write_text("000 (5.0.0) submitted\n...\n012 (5.0.0) held\n...\n")
    with pytest.raises(RunningError, match=r"bridle remove"):
        refuse_if_in_use(workflow(folder))


def test_the_command_and_its_dry_run(folder):
    before = sorted(files.names_in(folder))
    words = ["redo", str(folder / "x.dag"), "A", "--with-descendants", "--json", "--dry-run"]
    done = CliRunner().invoke(rescue, words, catch_exceptions=False)
    shown = json.loads(done.stdout)
    assert (shown["dry_run"], shown["runs"]) == (True, ["A", "NODE", "DONE", "D", "S"])
    assert sorted(files.names_in(folder)) == before
    told = CliRunner().invoke(rescue, ["show", str(folder / "x.dag")], catch_exceptions=False).stdout
    assert "failed: NODE (2 attempts)" in told
    assert "not started: D, S" in told
    listed = CliRunner().invoke(rescue, ["list", str(folder / "x.dag")], catch_exceptions=False).stdout
    assert "the next run goes on from x.dag.rescue001" in listed
    done = CliRunner().invoke(rescue, words[:-2], catch_exceptions=False)
    assert "wrote x.dag.rescue002" in done.stdout
    assert len(files.names_in(folder)) == len(before) + 1
