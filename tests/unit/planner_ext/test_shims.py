"""The planner hook's pure parts: what is asked of it, and the submit file that it has made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.directory.dagman_submit_file import (
    MARK,
    appended,
    is_made_by_shim,
    planners_environment,
    with_environment,
)
from planner_ext.shims.call_arguments import RunCall, parse_run, parse_submit_dag

PLANNERS = ["-append", "executable=/opt/pegasus/bin/pegasus-dagman", "-no_submit", "-MaxPost", "20"]
ATTRIBUTES = ["-append", '+pegasus_wf_uuid="x"', "-append", "+pegasus_job_class=11"]
MADE = b"""\
universe    = scheduler
executable  = /usr/bin/condor_dagman
arguments = "-f -l . -Dag x.dag"
environment = "_CONDOR_DAGMAN_LOG=x.dag.dagman.out _CONDOR_MAX_DAGMAN_LOG=0"
executable=/opt/pegasus/bin/pegasus-dagman
+pegasus_wf_uuid="x"
queue
"""


def test_the_planners_call_is_known() -> None:
    call = parse_submit_dag([*PLANNERS, *ATTRIBUTES, "NODE-0.dag"])
    assert (call.dags, call.no_submit, call.is_planners) == (("NODE-0.dag",), True, True)


@pytest.mark.parametrize(
    ("words", "dags", "no_submit"),
    [
        (["x.dag"], ("x.dag",), False),
        (["-f", "-NO_SUBMIT", "x.dag"], ("x.dag",), True),
        (["-no_s", "x.dag"], ("x.dag",), True),
        (["-no_recurse", "x.dag"], ("x.dag",), False),
        (["-batch-name", "my.dag", "x.dag"], ("x.dag",), False),
        (["-Append", "+x=1.dag", "a.dag", "b.dag"], ("a.dag", "b.dag"), False),
        (["-outfile_dir", "DONE.dag", "./dir/a.b+c.dag"], ("./dir/a.b+c.dag",), False),
        ([], (), False),
    ],
)
def test_anybody_elses_call_is_read_as_condor_submit_dag_reads_it(words, dags, no_submit) -> None:
    call = parse_submit_dag(words)
    assert (call.dags, call.no_submit, call.is_planners) == (dags, no_submit, False)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ([], RunCall(".")),
        (["run0001"], RunCall("run0001")),
        (["-v", "--json", "-vv", "/a b/run0001"], RunCall("/a b/run0001", as_json=True, verbose=3)),
        (["--grid", "--", "-odd"], RunCall("-odd", grid=True)),
        (["--grid", "--nogrid", "x"], RunCall("x")),
        (["--nogrid", "--grid", "x"], RunCall("x", grid=True)),
        (["-jv", "x"], RunCall("x", as_json=True, verbose=1)),
        (["a", "b"], None),
        (["--help"], None),
        (["-D", "pegasus.x=y", "run0001"], None),
    ],
)
def test_what_pegasus_run_understands_is_understood_and_nothing_else(words, call) -> None:
    assert parse_run(words) == call


@given(st.lists(st.text(), max_size=5))
def test_no_arguments_are_too_odd(words) -> None:
    assert set(parse_submit_dag(words).dags) <= {word for word in words if word.endswith(".dag")}
    call = parse_run(words)
    assert call is None or isinstance(call, RunCall)


def test_the_planners_wishes_are_kept_and_its_program_is_a_remark() -> None:
    program, attribute = appended(MADE)
    assert program == f"{MARK} executable=/opt/pegasus/bin/pegasus-dagman"
    assert attribute == '+pegasus_wf_uuid="x"'
    assert not is_made_by_shim(MADE)
    assert is_made_by_shim(MADE + program.encode())


@given(st.text("ABCxyz0189=_'. /", min_size=1).map(str.encode))
def test_what_the_planner_adds_to_the_environment_is_found_again(added) -> None:
    assert planners_environment(with_environment(MADE, added)) == added


def test_an_environment_is_added_as_the_planner_does_it_and_once() -> None:
    more = with_environment(MADE, b" HOME=/root LANG=C ")
    assert more.endswith(
        b'environment = "_CONDOR_DAGMAN_LOG=x.dag.dagman.out _CONDOR_MAX_DAGMAN_LOG=0 HOME=/root LANG=C "\nqueue'
    )
    assert with_environment(more, b" HOME=/root LANG=C ") == more
    assert with_environment(MADE, b"") == MADE
    assert planners_environment(MADE) == b""
