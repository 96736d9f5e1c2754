"""A DAG's bytes and its lines: nothing is lost, every command is read as DAGMan reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.language.commands import (
    AbortDagOn,
    Category,
    Command,
    Config,
    Connect,
    Done,
    Dot,
    Environment,
    Include,
    JobstateLog,
    MaxJobs,
    NodeCommand,
    NodeKind,
    NodeStatusFile,
    Other,
    ParentChild,
    Pin,
    PreSkip,
    Priority,
    Reject,
    Retry,
    SavePointFile,
    ScriptCommand,
    ScriptType,
    SetJobAttr,
    Splice,
    SubmitDescription,
    Tolerance,
    Vars,
)
from dag_rewriter.language.lexer import statements, words
from dag_rewriter.language.syntax import parse, parse_command, render, render_command
from dag_rewriter.language.text import bytes_of
from dag_rewriter.language.vars_assignments import pairs

UGLY = ["NODE", "DONE", "DIR", "NOOP", "a.b+c", "näme-wf.v1_2-β", "{x", "-", "#n", "job"]
names = st.one_of(
    st.sampled_from(UGLY),
    st.text(st.characters(codec="utf-8", exclude_characters=" \t\r\n\v\f\0\"'\\"), min_size=1, max_size=8),
).filter(lambda name: name.upper() not in ("PARENT", "CHILD", "ALL_NODES"))
files = st.one_of(
    names.filter(lambda name: name[0] != "{" and name[:2] != "@="),
    st.sampled_from(["a b.sub", "00/00//x.sub", "with'quote", 'with"quote']),
)
numbers = st.integers(-(2**31), 2**31 - 1)
naturals = st.integers(0, 2**31 - 1)
exit_codes = st.integers(0, 255)
line = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12
)
lines = line.filter(lambda text: text[-1] != "\\" and text[0] not in "#}" and text[:2] != "//")
bodies = st.lists(lines, max_size=3).map(lambda found: "".join(f"{text}\n" for text in found))
kinds = st.sampled_from([kind for kind in NodeKind if kind is not NodeKind.SUBDAG])

commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        NodeCommand, st.sampled_from(NodeKind), names, files, st.none() | files, st.booleans(), st.booleans()
    ),
    st.builds(
        NodeCommand, kinds, names, st.just("{"), st.none() | files, st.booleans(), st.booleans(), bodies
    ),
    st.builds(
        ParentChild,
        st.lists(names, min_size=1, max_size=3).map(tuple),
        st.lists(names, min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(
        ScriptCommand,
        st.sampled_from(ScriptType),
        names,
        line.filter(lambda text: text[-1] != "\\"),
        st.sampled_from(["", "-r $RETURN  -s 'a  b'", '"x"']),
        st.none() | st.tuples(numbers, naturals),
        st.none() | st.tuples(names, st.sampled_from(["STDOUT", "STDERR", "ALL"])),
    ),
    st.builds(Retry, names, naturals, st.none() | numbers),
    st.builds(Priority, names, numbers),
    st.builds(Category, names, names),
    st.builds(MaxJobs, names, naturals),
    st.builds(Vars, names, st.sampled_from(['a="1"', 'My.R="$(RETRY)" b = "x y"', 'PREPEND +a="\\"q\\""'])),
    st.builds(AbortDagOn, names, numbers, st.none() | exit_codes),
    st.builds(PreSkip, names, exit_codes),
    st.builds(Config, files),
    st.builds(JobstateLog, files),
    st.builds(Include, files),
    st.builds(Done, names),
    st.builds(Splice, names, files, st.none() | files),
    st.builds(SubmitDescription, names, bodies),
    st.builds(Tolerance, names, naturals, st.booleans(), st.sampled_from([None, "FAIL_FAST", "WAIT"])),
    st.builds(SavePointFile, names, st.none() | files),
    st.builds(Connect, names, names),
    st.builds(Pin, st.booleans(), names, st.integers(1, 2**31 - 1)),
    st.builds(Dot, files, st.booleans(), st.booleans(), st.none() | names),
    st.builds(NodeStatusFile, files, st.none() | numbers, st.booleans()),
    st.builds(Environment, st.booleans(), st.sampled_from(["A=b c;D=e", "HOME", "BRIDLE_*"])),
    st.builds(SetJobAttr, st.sampled_from(['My.X = "y  z"', "+X=1"])),
    st.just(Reject()),
)


@given(st.binary(max_size=300))
def test_any_bytes_come_back(data: bytes) -> None:
    assert render(parse(data)) == data


@given(st.lists(st.sampled_from([*b"JOB A\n\\\n#\r \"'{}=@/PARENT"]), max_size=80).map(bytes))
def test_bytes_that_mean_something_to_dagman_come_back(data: bytes) -> None:
    assert render(parse(data)) == data


@given(commands)
def test_a_rendered_command_reads_as_itself(command: Command) -> None:
    assert parse_command(render_command(command)) == command


@given(
    st.lists(st.tuples(commands, st.sampled_from(["\n", "\r\n", "\n\n# note\n", "\n  // note\n", "\n\t"])))
)
def test_a_whole_dag_comes_back_and_is_read(written: list[tuple[Command, str]]) -> None:
    data = b"".join(bytes_of(render_command(command) + end) for command, end in written)
    found = parse(data)
    assert render(found) == data
    assert [item.command for item in found if item.command is not None] == [command for command, _ in written]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PARENT  A CHILD B", ParentChild(("A",), ("B",))),
        ("parent a b child c d", ParentChild(("a", "b"), ("c", "d"))),
        ("WEAK PARENT a CHILD b", ParentChild(("a",), ("b",), weak=True)),
        ("Job untar_x ./untar_x.sub", NodeCommand(NodeKind.JOB, "untar_x", "./untar_x.sub")),
        ("JOB DONE DONE DONE", NodeCommand(NodeKind.JOB, "DONE", "DONE", done=True)),
        ("JOB NODE x.sub noop DIR 'a b'", NodeCommand(NodeKind.JOB, "NODE", "x.sub", "a b", noop=True)),
        ("SUBDAG external S s.dag DIR d", NodeCommand(NodeKind.SUBDAG, "S", "s.dag", "d")),
        ("service M m.sub", NodeCommand(NodeKind.SERVICE, "M", "m.sub")),
        ("RETRY A 3x UNLESS_EXIT 2", Retry("A", 3, 2)),
        ("Abort-Dag-On A 3 RETURN 0", AbortDagOn("A", 3, 0)),
        ("PRE-SKIP A 1", PreSkip("A", 1)),
        ("PRIORITY A -5", Priority("A", -5)),
        ('CONFIG "my dagman.config"', Config("my dagman.config")),
        (
            "SCRIPT DEFER 4 60 PRE A run.sh -x  'y  z'",
            ScriptCommand(ScriptType.PRE, "A", "run.sh", "-x  'y  z'", (4, 60)),
        ),
        (
            "script debug s.dbg all post A p",
            ScriptCommand(ScriptType.POST, "A", "p", debug=("s.dbg", "ALL")),
        ),
        ("MAXJOBS Cleanup 4", MaxJobs("Cleanup", 4)),
        ("MAXJOBS cleanup", Other("MAXJOBS cleanup")),
        ("MAXJOBS cleanup -1", Other("MAXJOBS cleanup -1")),
        ("JOB parent x.sub", Other("JOB parent x.sub")),
        ("JOB A 'x.sub", Other("JOB A 'x.sub")),
        ("JOB A x.sub WHAT", Other("JOB A x.sub WHAT")),
        ("SUBDAG S s.dag", Other("SUBDAG S s.dag")),
        ("NODE_STATUS_FILE s.txt 30", NodeStatusFile("s.txt", 30)),
        ("node-status-file 's t' always_update", NodeStatusFile("s t", always=True)),
        ("TOLERANCE A 3", Tolerance("A", 3)),
        ("TOLERANCE A 30 % fail-fast", Tolerance("A", 30, percent=True, mode="FAIL_FAST")),
        ("TOLERANCE A %", Other("TOLERANCE A %")),
        ("SAVE-POINT-FILE A", SavePointFile("A")),
        ("SAVE_POINT_FILE All_Nodes f", Other("SAVE_POINT_FILE All_Nodes f")),
        ("CONNECT S1 S2", Connect("S1", "S2")),
        ("PIN_IN A 1", Pin(False, "A", 1)),
        ("PIN-OUT A 0", Other("PIN-OUT A 0")),
        ("DOT x.dot update overwrite DONT-UPDATE include h", Dot("x.dot", overwrite=True, include="h")),
        ("env set A=b c", Environment(True, "A=b c")),
        ("ENV PUT A", Other("ENV PUT A")),
        ("SET_JOB_ATTR x = 1", SetJobAttr("x = 1")),
        ("REJECT", Reject()),
        ("REJECT now", Other("REJECT now")),
        ("ABORT-DAG-ON A 1 RETURN 256", Other("ABORT-DAG-ON A 1 RETURN 256")),
        ("PRE_SKIP A -1", Other("PRE_SKIP A -1")),
        ("RETRY A 3000000000", Other("RETRY A 3000000000")),
        ('VARS A queue_x="1"', Other('VARS A queue_x="1"')),
        ('VARS A x="1" y', Other('VARS A x="1" y')),
        ("PARENT A CHILD B CHILD", Other("PARENT A CHILD B CHILD")),
    ],
)
def test_commands_are_read_as_dagman_reads_them(text: str, expected: Command) -> None:
    assert parse_command(text) == expected


def test_an_inline_description_belongs_to_its_command() -> None:
    data = b"JOB A {\n  executable = /bin/true\n# note\n\n} DIR d NOOP\nJOB B @=end\nqueue\n@end\n"
    first, second = (item.command for item in parse(data))
    assert first == NodeCommand(NodeKind.JOB, "A", "{", "d", noop=True, inline="executable = /bin/true\n")
    assert second == NodeCommand(NodeKind.JOB, "B", "@=end", inline="queue\n")


def test_a_continued_line_is_one_command_and_keeps_its_lines() -> None:
    data = b"RETRY \\\r\n# why\n\n  A 3\nJOB A a.sub"
    found = parse(data)
    assert [(item.number, item.command) for item in found] == [
        (1, Retry("A", 3)),
        (5, NodeCommand(NodeKind.JOB, "A", "a.sub")),
    ]
    assert found[0].raw == b"RETRY \\\r\n# why\n\n  A 3\n"


@pytest.mark.parametrize(
    "data", [b"JOB A a.sub \\\n", b"JOB A {\nqueue\n", b"JOB A @=x\nqueue\n", b"JOB A @=\n"]
)
def test_a_command_without_an_end_says_so(data: bytes) -> None:
    (*_, problem) = next(statements(data))
    assert problem


def test_a_comment_that_ends_with_a_backslash_does_not_go_on() -> None:
    assert [text for _, _, text, _, _ in statements(b"# note \\\nJOB A a.sub\n")] == [b"JOB A a.sub"]


def test_quotes_are_kept_in_names_and_taken_off_files() -> None:
    kept, bare, _, problem = words(b"""JOB "a b" 'c d'e "f\\"g" """)
    assert (kept[1], bare[2], bare[3], problem) == (b'"a b"', b"c de", b'f"g', "")


def test_vars_are_read_as_pairs() -> None:
    assert pairs('append a = 1 b=\'x y\' +C="d\\"e" broken') == (("a", "1"), ("b", "x y"), ("My.C", 'd"e'))
