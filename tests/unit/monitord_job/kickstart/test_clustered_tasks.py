"""Which task of a clustered job a record belongs to, whatever is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.kickstart.clustered_tasks import parse_list, task_runs
from monitord_job.kickstart.job_output import parse_output
from monitord_job.stampede.attempt_rows import Attempt, finished_rows
from monitord_job.stampede.rows import InvocationRow, QuarantineRow
from monitord_job.stampede.state import JobDescription, JobFiles, JobPlan, NodeState, ScriptPlan
from tests.support.made_records import Made

LIST = "".join(f"#@ {n} work w{n} \n/opt/pegasus-kickstart -N w{n} /bin/work -n {n}\n" for n in range(1, 6))
SUMMARY = b'[cluster-summary stat="ok", lines=9, tasks=5, succeeded=4, failed=1, extra=0, duration=0.2]\n'
POST = ScriptPlan("/opt/pegasus/bin/pegasus-exitcode", "-r $RETURN")


def line(number: int, status: int = 0, name: str = "") -> bytes:
    """A cluster-task line."""
    words = f'id={number}, {name}start="2026-11-23T05:28:54.594+00:00", duration=0.045, status={status}'
    return f'[cluster-task {words}, line=2, pid=3, app="/opt/pegasus-kickstart"]\n'.encode()


def record(number: int, raw: int = 0) -> bytes:
    """The record of a task."""
    return bytes(Made(derivation=f"w{number}", raw=str(raw), machine=number == 1))


def rows(data: bytes, listed: str = LIST, description: JobDescription | None = None) -> list:
    """What the end of a clustered job with that stdout adds."""
    plan = JobPlan("merge", "merge.sub", post=POST)
    node = NodeState(seq=1, submits=1, executed=100, ended=200, exitcode=256, post_exit=1)
    records = parse_output(data) + parse_list(listed)
    job = description or JobDescription(transformation="pegasus::seqexec", executable="/opt/pegasus-cluster")
    return list(finished_rows(Attempt(plan, node, 201, "u", "/d"), JobFiles(job, records, "merge.out.000")))


def invocations(data: bytes, listed: str = LIST) -> list[InvocationRow]:
    """The tasks among the rows."""
    return [row for row in rows(data, listed) if isinstance(row, InvocationRow) and row.task_submit_seq > 0]


def tasks(data: bytes, listed: str = LIST) -> list[tuple[int, str | None, int]]:
    """Number, task and wait status of each."""
    return [(row.task_submit_seq, row.abs_task_id, row.exitcode) for row in invocations(data, listed)]


def test_every_task_has_its_record():
    data = record(1) + line(1) + record(2, 256) + line(2, 256) + record(3) + line(3) + SUMMARY
    assert tasks(data) == [(1, "w1", 0), (2, "w2", 256), (3, "w3", 0)]


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        record(2).replace(b"  cwd: /scratch", b"  cwd: ["),
        record(2)[:700] + b"\n",
        record(2)[:1800],
        b"\xff\x00 noise\n",
    ],
)
def test_a_task_without_a_readable_record_is_known_by_its_line(damaged):
    data = record(1) + line(1) + damaged + line(2, 768) + record(3) + line(3) + SUMMARY
    assert tasks(data) == [(1, "w1", 0), (2, "w2", 768), (3, "w3", 0)]
    second = invocations(data)[1]
    assert (second.transformation, second.start_time, second.remote_duration) == ("work", 1795411734, 0.045)
    assert (second.executable, second.argv) == ("/opt/pegasus-kickstart", "-N w2 /bin/work -n 2")
    quarantined = [row for row in rows(data) if isinstance(row, QuarantineRow)]
    assert len(quarantined) == damaged.startswith(b"- ")
    for row in quarantined:
        assert (row.file, row.offset) == ("merge.out.000", len(record(1) + line(1)))
        assert row.text.startswith("- invocation")


def test_a_line_that_is_missing_or_cut_costs_no_record():
    data = record(1) + record(2, 256) + line(2, 256) + record(3) + line(3)[:30]
    assert tasks(data) == [(1, "w1", 0), (2, "w2", 256), (3, "w3", 0)]


def test_lines_and_records_that_begin_within_a_line():
    cut = record(2)[:1800]
    data = b"talk" + line(1, 256) + cut + record(3) + line(3) + record(4) + b"talk" + line(4)
    assert tasks(data) == [(1, "w1", 256), (3, "w3", 0), (4, "w4", 0)]
    assert [row.reason for row in rows(data) if isinstance(row, QuarantineRow)] == ["the record is cut off"]


def test_lines_that_an_application_prints_are_what_it_printed():
    printed = "[cluster-task id=5]\n- invocation: True\n  version: 3.0\n[cluster-task id=6]"
    data = bytes(Made(derivation="w1", stdout=printed)) + line(1) + SUMMARY
    assert tasks(data) == [(1, "w1", 0)]


def test_two_records_with_nothing_between_them_are_two_tasks():
    assert tasks(record(2) + record(1), "") == [(1, "w2", 0), (2, "w1", 0)]


def test_tasks_without_kickstart_are_known_by_their_lines():
    data = line(1) + b"talk\n" + line(3, 256) + SUMMARY
    assert tasks(data) == [(1, "w1", 0), (3, "w3", 256)]
    assert not [row for row in rows(data) if isinstance(row, QuarantineRow)]


def test_without_its_list_a_cluster_names_no_task_that_is_not_written_down():
    assert tasks(line(1) + line(2), "") == [(1, None, 0), (2, None, 0)]


def test_mpi_cluster_names_its_tasks_in_its_lines():
    data = record(4) + line(32345, 1, "name=w4, ") + line(7, 0, "name=w2, ")
    listed = "#@ 1 work w2 \nTASK w2 /bin/work\n#@ 2 work w4 \nTASK w4 -c 2 /bin/work\nEDGE w2 w4\n"
    assert [(task, code) for _, task, code in tasks(data, listed)] == [("w4", 0), ("w2", 0)]


def test_a_number_given_twice_gives_no_row_twice():
    data = record(1, 256) + line(1, 256) + record(1) + line(1)
    assert tasks(data) == [(1, "w1", 256), (2, "w1", 0)]


@pytest.mark.parametrize("wrong", [b"nan", b"inf", b"x", b"", b"9" * 400])
def test_numbers_that_are_none_are_those_that_dagman_saw(wrong):
    data = line(1).replace(b"0.045", wrong).replace(b"status=0", b"status=" + wrong)
    (row,) = invocations(data)
    assert (row.remote_duration, row.exitcode) == (100, 256)


@given(
    st.lists(st.sampled_from([record(1), record(2, 256), line(1), line(2), SUMMARY, b"- invocation: True\n"]))
)
def test_numbers_are_unique_and_no_record_is_lost(parts):
    records = parse_output(b"".join(parts))
    runs = task_runs(records + parse_list(LIST))
    numbers = [run.number for run in runs]
    assert len(set(numbers)) == len(numbers)
    assert sum(run.record is not None for run in runs) == sum(
        part in (record(1), record(2, 256)) for part in parts
    )


@given(st.text())
def test_no_list_raises(text):
    assert isinstance(parse_list(text), tuple)
