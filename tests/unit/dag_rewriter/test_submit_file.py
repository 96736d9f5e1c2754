"""Submit descriptions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.directory.submit_file import class_and_priority, parse_submit_file

SUB = b"""\
# pegasus
executable = /usr/bin/first
environment = "A=1 B=x=y"
Executable = /opt/pegasus-dagman
output = /d//00/00/x.out
arguments = "a \\
   b"
+pegasus_job_class = 8
MY.pegasus_site = "local \\"x\\""
+Pegasus_Wf_Xformation = "pegasus::cleanup"
priority = 1000
if version >= 8.1
include : other.sub
queue
"""


def test_the_last_assignment_wins_and_attributes_are_known_by_both_spellings() -> None:
    found = parse_submit_file(SUB)
    assert found.executable == "/opt/pegasus-dagman"
    assert found.arguments == "a b"
    assert found.output == "/d//00/00/x.out"
    assert (found.job_class, found.site, found.transformation) == (8, 'local "x"', "pegasus::cleanup")
    assert found["my.pegasus_job_class"] == found["+PEGASUS_JOB_CLASS"] == "8"
    assert found.universe == "vanilla"
    assert "include" not in found


def test_what_is_no_number_is_none() -> None:
    assert class_and_priority(b"priority = $(x)\n+pegasus_job_class = 1 + 1") == (None, None)


lines = st.tuples(
    st.sampled_from(
        [
            "priority",
            "Priority",
            " priority",
            "+pegasus_job_class",
            "MY.Pegasus_Job_Class",
            "xpriority",
            "#priority",
        ]
    ),
    st.sampled_from(["=", " = ", "\t=", " "]),
    st.sampled_from(["8", "-3", '"10"', "", "1.5", "$(x)", "7 ", "7 \\", "7\r"]),
).map("".join)


@given(st.lists(lines, max_size=6))
def test_the_fast_way_agrees_with_the_whole_one(written: list[str]) -> None:
    data = "\n".join(written).encode()
    whole = parse_submit_file(data)
    assert class_and_priority(data) == (whole.job_class, whole.priority)
