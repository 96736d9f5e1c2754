"""Which failures are equal to people, what is shown of each, where they gather."""

from __future__ import annotations

import pytest

from monitord_job.analysis.model.failure import MOST_NAMES, Failure, Grouping
from monitord_job.analysis.model.last_words import last_words
from monitord_job.analysis.model.suspects import suspect
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.stampede.output_text import quote

ONE = Cause(CauseKind.JOB, code=1)


def test_failures_are_equal_but_for_names_and_numbers() -> None:
    grouping = Grouping()
    for number in range(3):
        grouping.add(
            Failure(f"a_{number}", "compute", ONE, lines=(f"0x{number}f: a_{number} lost {number}.5 s",))
        )
    grouping.add(Failure("a_9", "compute", Cause(CauseKind.JOB, code=2), lines=("0x1f: a_9 lost 1.5 s",)))
    grouping.add(Failure("a_8", "compute", ONE, lines=("something else",)))
    assert [group.count for group in grouping.largest(5).groups] == [3, 1, 1]


@pytest.mark.parametrize(
    ("task", "stdout", "stderr", "lines"),
    [
        (1, "#@ 1 stdout\nout\n#@ 1 stderr\n err\n", "lite", ("err",)),
        (1, "#@ 1 stdout\nout\n", "PegasusLite: version 5", ("out",)),
        (1, "#@ 1 stdout\nreading 3 files\n", "no such table: galaxies\n", ("no such table: galaxies",)),
        (2, "#@ 1 stderr\n one\n#@ 2 stderr\n two\n#@ 3 stderr\n three\n", "", ("two",)),
        (None, "#@ 1 stderr\n one\n#@ 2 stderr\n two\n", "", ("two",)),
        (7, "cut off\n#@ 3 stderr\n three\n", "", ("three",)),
        (None, "", "#### heading ####\na\na\nb\n\n", ("a", "b")),
        (None, "plain\n", "", ("plain",)),
        (None, "", "", ()),
    ],
)
def test_the_last_words_are_those_of_what_failed(
    task: int | None, stdout: str, stderr: str, lines: tuple[str, ...]
) -> None:
    assert last_words(task, quote(stdout), quote(stderr)) == lines


def test_the_program_tells_failures_apart_but_not_the_name_of_a_job_of_a_plain_dag() -> None:
    grouping = Grouping()
    for name in ("a", "b"):
        grouping.add(Failure(name, "compute", ONE, program=name))
        grouping.add(Failure(name, "compute", ONE, program=f"lib::{name}"))
    assert [group.count for group in grouping.largest().groups] == [2, 1, 1]


def test_codes_inside_a_cause_tell_failures_apart() -> None:
    grouping = Grouping()
    for code in (1, 2, 2):
        grouping.add(
            Failure(
                "a", "compute", Cause(CauseKind.POST_SCRIPT, code=9, inner=Cause(CauseKind.JOB, code=code))
            )
        )
    assert [group.count for group in grouping.largest().groups] == [2, 1]


def test_what_is_remembered_of_a_million_failures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitord_job.analysis.model.failure._MOST_KINDS", 10)
    monkeypatch.setattr("monitord_job.analysis.model.failure.MOST_MEMBERS", 25)
    grouping = Grouping()
    for number in range(100):
        word = "".join(chr(107 + int(digit)) for digit in str(number))
        grouping.add(Failure(f"w_{number}", "compute", ONE, lines=(word,), wf_id=1, host="n1"))
    found = grouping.largest(most=None)
    assert found.count == 100
    assert [group.count for group in found.groups] == [90, *[1] * 10]
    assert sum(len(names) for group in found.groups for names in group.members.values()) == 25
    assert len(found.groups[0].names) == MOST_NAMES
    assert found.groups[0].hosts == {"n1": 90}


@pytest.mark.parametrize(
    ("failures", "attempts", "host"),
    [
        ({"n7": 18, "n3": 1}, {"n7": 40, "n3": 40, "n4": 320}, "n7"),
        ({"n7": 900}, {"n7": 950, "n3": 50}, "n7"),
        ({"n7": 5, "n3": 4}, {"n7": 50, "n3": 50}, None),
        ({"n7": 3}, {"n7": 50, "n3": 50}, None),
        ({"n7": 2}, {"n7": 2, "n3": 5000}, None),
        ({"n7": 100}, {"n7": 120}, None),
        ({}, {"n7": 120}, None),
    ],
)
def test_a_host_is_suspected_where_its_share_of_the_work_does_not_explain_the_failures(
    failures: dict[str, int], attempts: dict[str, int], host: str | None
) -> None:
    found = suspect(failures, attempts)
    assert (found and found.host) == host
