"""What the passes add, and what they leave to the user and the planner."""

from __future__ import annotations

from types import MappingProxyType

from condor_templates.policy import JobClass
from dag_rewriter import block
from dag_rewriter.commands import Category, Config, JobstateLog, MaxJobs, NodeCommand, NodeKind
from dag_rewriter.dag import parse_dag
from dag_rewriter.passes import PASSES, Change, Context, apply, changes_of

PLANNED = b"""\
MAXJOBS cleanup 4
JOB work w.sub
JOB clean_up_1 c.sub
CATEGORY clean_up_1 cleanup
JOB cleanup_0 d.sub
JOB pegasus-plan_X p.sub
CATEGORY pegasus-plan_X subwf
SUBDAG EXTERNAL dagman_Y y.dag
"""
CLASSES = MappingProxyType({"work": 1, "clean_up_1": 8, "cleanup_0": 8, "pegasus-plan_X": 10})


def context(*, monitor: bool = True) -> Context:
    return Context("x.bridle.sub", "x.bridle.config", "x.bridle.jobstate.log", CLASSES, monitor=monitor)


def test_a_planned_dag_gets_everything() -> None:
    changes = changes_of(parse_dag(PLANNED, "x.dag"), context())
    assert list(changes) == ["monitor", "jobstate log", "configuration", "categories"]
    assert changes["monitor"].added == (NodeCommand(NodeKind.SERVICE, "bridle_monitor", "x.bridle.sub"),)
    assert changes["jobstate log"].added == (JobstateLog("x.bridle.jobstate.log"),)
    assert changes["configuration"].added[0] == Config("x.bridle.config")
    assert changes["categories"].added == (
        MaxJobs("subwf", 10),  # the planner names it and gives it no limit
        Category("cleanup_0", "cleanup"),  # `MAXJOBS cleanup 4` is there
        Category("dagman_Y", "subwf"),
    )


def test_a_sub_workflow_gets_no_monitor() -> None:
    changes = changes_of(parse_dag(PLANNED, "x.dag"), context(monitor=False))
    assert changes["monitor"] == changes["configuration"] == Change()
    assert changes["jobstate log"].added
    assert changes["categories"].added


def test_what_the_user_wrote_wins() -> None:
    dag = parse_dag(
        b"JOB a a.sub\nJOB b b.sub\nCATEGORY a mine\nCATEGORY b cleanup\n"
        b"MAXJOBS cleanup 99\nMAXJOBS CLEANUP 1\nJOBSTATE_LOG my.log\n"
        b"CONFIG my.config\nSERVICE bridle_monitor own.sub\n",
        "x.dag",
    )
    changes = changes_of(dag, Context("s", "c", "j", {"a": 8, "b": 8}))
    assert changes["categories"].added == ()
    assert changes["jobstate log"].added == ()
    assert changes["configuration"].disabled == (8,)
    assert changes["monitor"].added == (NodeCommand(NodeKind.SERVICE, "bridle_monitor_2", "s"),)


def test_category_names_are_case_sensitive() -> None:
    dag = parse_dag(b"JOB a a.sub\nMAXJOBS CLEANUP 1\n", "x.dag")
    assert PASSES["categories"](dag, Context("s", "c", "j", {"a": 8})).added == (
        MaxJobs("cleanup", 4),
        Category("a", "cleanup"),
    )


def test_nodes_that_dagman_keeps_out_of_categories_stay_out() -> None:
    dag = parse_dag(b"FINAL f f.sub\nSERVICE s s.sub\nPROVISIONER p p.sub\n", "x.dag")
    classes = dict.fromkeys("fsp", JobClass.CLEANUP.value)
    assert PASSES["categories"](dag, Context("s", "c", "j", classes)).added == ()


def test_the_result_is_read_back_and_rewriting_it_again_changes_nothing() -> None:
    for planned in (PLANNED, PLANNED + b"CONFIG a.config\n", PLANNED.rstrip(b"\n")):
        once = apply(planned, changes_of(parse_dag(planned, "x.dag"), context()))
        original = block.split(once).original
        assert original == planned
        assert apply(original, changes_of(parse_dag(original, "x.dag"), context())) == once
        dag = parse_dag(once, "x.dag")
        assert (dag.monitor, dag.jobstate_log, dag.config) == (
            "bridle_monitor",
            "x.bridle.jobstate.log",
            "x.bridle.config",
        )
        assert dag.nodes["cleanup_0"].category == "cleanup"
