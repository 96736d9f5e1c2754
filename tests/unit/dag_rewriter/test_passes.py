"""What the passes add, and what they leave to the user and the planner."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from condor_templates.monitor_policy import Universe
from condor_templates.policy import (
    DEFAULT_CATEGORIES,
    CategoryPolicy,
    CategoryRule,
    JobClass,
    JobFacts,
    Limit,
    MonitorKind,
    layered,
)
from dag_rewriter.categories.categories import CategoryRequest, assigned, categories_of, settings_in
from dag_rewriter.errors import RewriterError
from dag_rewriter.language.commands import (
    Category,
    Config,
    JobstateLog,
    MaxJobs,
    NodeCommand,
    NodeKind,
    Other,
    Priority,
    Retry,
    Vars,
)
from dag_rewriter.model import block
from dag_rewriter.model.dag import parse_dag
from dag_rewriter.rescue.rescue_dag import RescueFile
from dag_rewriter.rewriting.originals import monitor_in
from dag_rewriter.rewriting.passes import (
    ALL,
    PASSES,
    Change,
    Choice,
    Context,
    SubDagmans,
    apply,
    changes_of,
    choice_in,
)

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
FILES = MappingProxyType(
    {path: JobFacts("", number) for path, number in [("w.sub", 1), ("c.sub", 8), ("d.sub", 8), ("p.sub", 10)]}
)


def context(monitor: MonitorKind | None = MonitorKind.SERVICE, **more: object) -> Context:
    categories = CategoryRequest(files=FILES)
    names = ("x.bridle.sub", "x.bridle.config", "x.bridle.jobstate.log")
    below = SubDagmans("/run 1/x.bridle.condor_dagman", "/usr/bin/condor_dagman", frozenset({"p.sub"}))
    return Context(*names, categories=categories, monitor=monitor, sub_dagmans=below, **more)


def with_classes(classes: dict[str, int]) -> Context:
    files = {path: JobFacts("", number) for path, number in classes.items()}
    return Context("s", "c", "j", CategoryRequest(files=files))


def test_a_planned_dag_gets_everything() -> None:
    changes = changes_of(parse_dag(PLANNED, "x.dag"), context())
    order = ["monitor", "jobstate-log", "configuration", "sub-workflows", "categories", "metrics", "rescue"]
    assert list(changes) == order
    assert changes["monitor"].added == (NodeCommand(NodeKind.SERVICE, "bridle_monitor", "x.bridle.sub"),)
    assert changes["jobstate-log"].added == (JobstateLog("x.bridle.jobstate.log"),)
    assert changes["configuration"].added[0] == Config("x.bridle.config")
    runs_ours = Vars("pegasus-plan_X", 'APPEND executable="/run 1/x.bridle.condor_dagman"')
    assert changes["sub-workflows"].added == (runs_ours,), "but for a SUBDAG, which nobody plans"
    assert changes["categories"].added == (
        MaxJobs("subwf", 10),  # the planner names it and gives it no limit
        Category("cleanup_0", "cleanup"),  # `MAXJOBS cleanup 4` is there
        Category("dagman_Y", "subwf"),
    )


def test_a_sub_workflow_gets_no_monitor() -> None:
    changes = changes_of(parse_dag(PLANNED, "x.dag"), context(None))
    assert changes["monitor"] == changes["configuration"] == Change()
    assert changes["jobstate-log"].added
    assert changes["categories"].added


def test_what_the_user_wrote_wins() -> None:
    dag = parse_dag(
        b"JOB a a.sub\nJOB b b.sub\nCATEGORY a mine\nCATEGORY b cleanup\n"
        b"MAXJOBS cleanup 99\nMAXJOBS CLEANUP 1\nJOBSTATE_LOG my.log\n"
        b"CONFIG my.config\nSERVICE bridle_monitor own.sub\n",
        "x.dag",
    )
    changes = changes_of(dag, with_classes({"a.sub": 8, "b.sub": 8}))
    assert changes["categories"].added == ()
    assert changes["jobstate-log"].added == ()
    assert changes["configuration"].disabled == (8,)
    assert changes["monitor"].added == (NodeCommand(NodeKind.SERVICE, "bridle_monitor_2", "s"),)


def test_category_names_are_case_sensitive() -> None:
    dag = parse_dag(b"JOB a a.sub\nMAXJOBS CLEANUP 1\n", "x.dag")
    assert PASSES["categories"](dag, with_classes({"a.sub": 8})).added == (
        MaxJobs("cleanup", 4),
        Category("a", "cleanup"),
    )


def test_nodes_that_dagman_keeps_out_of_categories_stay_out() -> None:
    dag = parse_dag(b"FINAL f f.sub\nSERVICE s s.sub\nPROVISIONER p p.sub\n", "x.dag")
    classes = dict.fromkeys(["f.sub", "s.sub", "p.sub"], JobClass.CLEANUP.value)
    assert PASSES["categories"](dag, with_classes(classes)).added == ()


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


def test_every_pass_can_be_left_out() -> None:
    dag = parse_dag(PLANNED, "x.dag")
    for left_out in PASSES:
        changes = changes_of(dag, context(chosen=ALL - {left_out}))
        assert changes[left_out] == Change()
        assert sum(bool(change.added) for change in changes.values()) == 5 - (left_out in list(PASSES)[:5])


def test_what_was_chosen_is_remembered_in_the_block() -> None:
    for choice in (
        Choice(),
        Choice(MonitorKind.JOB),
        Choice(MonitorKind.JOB, ALL - {"monitor", "rescue"}, Universe.VANILLA),
    ):
        rewritten = apply(PLANNED, changes_of(parse_dag(PLANNED, "x.dag"), context()), choice)
        assert choice_in(block.split(rewritten).block) == choice


def test_a_monitor_that_is_a_job_stands_above_all_and_alone() -> None:
    dag = parse_dag(PLANNED, "x.dag")
    added = PASSES["monitor"](dag, context(MonitorKind.JOB, priority=8, original=PLANNED)).added
    assert added == (
        NodeCommand(NodeKind.JOB, "bridle_monitor", "x.bridle.sub"),
        Retry("bridle_monitor", 0),
        Priority("bridle_monitor", 8),
    )


def test_a_monitor_that_is_a_job_leaves_the_category_of_all_nodes() -> None:
    original = PLANNED + b"CATEGORY ALL_NODES all\nMAXJOBS all 1\nRETRY ALL_NODES 3\n"
    dag = parse_dag(original, "x.dag")
    change = PASSES["monitor"](dag, context(MonitorKind.JOB, original=original))
    assert change.added[-1] == Category("bridle_monitor", "bridle_monitor")
    read = parse_dag(apply(original, {"monitor": change}), "x.dag").nodes["bridle_monitor"]
    assert (read.retries, read.category, read.kind) == (0, "bridle_monitor", NodeKind.JOB)


@pytest.mark.parametrize("line", ["SCRIPT POST ALL_NODES /bin/true", "ABORT-DAG-ON ALL_NODES 3"])
def test_a_monitor_that_is_a_job_cannot_live_with_what_changes_its_end(line: str) -> None:
    original = PLANNED + line.encode() + b"\n"
    with pytest.raises(RewriterError, match="would be about the monitor too"):
        PASSES["monitor"](parse_dag(original, "x.dag"), context(MonitorKind.JOB, original=original))


def test_the_monitor_is_found_in_the_block_whatever_it_is() -> None:
    for kind, node_kind in ((MonitorKind.SERVICE, NodeKind.SERVICE), (MonitorKind.JOB, NodeKind.JOB)):
        changes = changes_of(parse_dag(PLANNED, "x.dag"), context(kind, original=PLANNED))
        found = monitor_in(block.split(apply(PLANNED, changes)).block)
        assert found == NodeCommand(node_kind, "bridle_monitor", "x.bridle.sub")
    assert monitor_in(None) is None


def test_a_limit_that_was_set_by_command_wins_and_is_remembered() -> None:
    policy = layered([DEFAULT_CATEGORIES, CategoryPolicy(forced={"cleanup": Limit(10, "command")})])
    request = CategoryRequest(policy, FILES)
    dag = parse_dag(PLANNED, "x.dag")
    change = PASSES["categories"](dag, Context("s", "c", "j", request, original=PLANNED))
    assert change.disabled == (1,)
    assert change.added[:2] == (Other("# bridle categories --set cleanup=10"), MaxJobs("cleanup", 10))
    rewritten = apply(PLANNED, {"categories": change})
    assert parse_dag(rewritten, "x.dag").max_jobs["cleanup"] == 10
    assert settings_in(block.split(rewritten).block)["cleanup"].number == 10
    assert block.split(rewritten).original == PLANNED


def test_the_site_may_replace_what_the_planner_says_by_itself_but_not_what_the_user_says() -> None:
    site = CategoryPolicy(planner_limits={"cleanup": Limit(40, "site")}, limits={"subwf": Limit(3, "site")})
    request = CategoryRequest(layered([DEFAULT_CATEGORIES, site]), FILES)
    states = {s.name: s for s in categories_of(parse_dag(PLANNED, "x.dag"), request)}
    assert (states["cleanup"].limit, states["cleanup"].source, states["cleanup"].nodes) == (40, "site", 2)
    assert (states["subwf"].limit, states["subwf"].nodes, states["subwf"].added) == (3, 2, 1)
    theirs = PLANNED.replace(b"cleanup 4", b"cleanup 5")
    kept = {s.name: s for s in categories_of(parse_dag(theirs, "run/x.dag"), request)}["cleanup"]
    assert (kept.limit, kept.source, kept.in_dag) == (5, "MAXJOBS in x.dag", True)
    wanted = layered([request.policy, CategoryPolicy(properties={"cleanup": Limit(4, "properties")})])
    (found, *_) = categories_of(parse_dag(PLANNED, "x.dag"), CategoryRequest(wanted, FILES))
    assert (found.limit, found.source) == (4, "properties")


def test_rules_select_by_more_than_the_class() -> None:
    rules = (
        CategoryRule("gpu", transformation=("ns::*",), site=("pool",)),
        CategoryRule("late", node=("z*",)),
    )
    policy = layered([DEFAULT_CATEGORIES, CategoryPolicy(rules=rules)])
    facts = {"w.sub": JobFacts("", 1, "ns::train", "pool"), "z.sub": JobFacts("")}
    dag = parse_dag(b"JOB work w.sub\nJOB zap z.sub\nJOB other o.sub\n", "x.dag")
    request = CategoryRequest(policy, facts)
    change = PASSES["categories"](dag, Context("s", "c", "j", request))
    assert change.added == (Category("work", "gpu"), Category("zap", "late"))


def test_the_rules_are_asked_once_for_each_description_not_for_each_node() -> None:
    asked = []

    class Counted(CategoryPolicy):
        def rules_for(self, facts: JobFacts) -> tuple[CategoryRule, ...]:
            asked.append(facts)
            return super().rules_for(facts)

    rules = (CategoryRule("odd", node=("*1", "*3")), CategoryRule("late", transformation=("ns::*",)))
    lines = [f"JOB n{number} {number % 2}.sub" for number in range(100)]
    dag = parse_dag(
        "\n".join([*lines, "SUBDAG EXTERNAL s1 s.dag", "JOB i @=x", "queue", "@x", ""]).encode(), "x.dag"
    )
    facts = {"0.sub": JobFacts("", transformation="ns::a"), "1.sub": JobFacts("")}
    descriptions = {b"queue\n": JobFacts("", transformation="ns::a")}
    found = dict(assigned(dag, CategoryRequest(Counted(rules), facts, descriptions)))
    assert len(asked) == len(set(asked)) == 3
    assert found["n1"] == found["n33"] == found["s1"] == "odd"
    assert found["n2"] == found["i"] == "late"
    assert "n5" not in found


def test_a_rescue_dag_never_names_the_monitor() -> None:
    dag = parse_dag(PLANNED, "x.dag")
    rescue = RescueFile("x.dag", 3, b"# Rescue\nDONE work\nDONE bridle_monitor\nDONE gone\n")
    change = PASSES["rescue"](dag, context(rescue=rescue))
    assert change.files == (("x.dag.rescue004", b"# Rescue\nDONE work\nDONE gone\n"),)
    assert change.notes == (
        "x.dag.rescue003 says DONE gone, which the DAG does not have: DAGMan will refuse to run it",
    )
    theirs = parse_dag(PLANNED + b"JOB bridle_monitor m.sub\n", "x.dag")
    assert PASSES["rescue"](theirs, context(rescue=rescue)).files == ()
