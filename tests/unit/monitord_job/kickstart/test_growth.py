"""What a job prints costs time in proportion to its length, whatever it is, and no number in it is too long."""

import pytest

from monitord_job.kickstart import job_output
from monitord_job.kickstart.clustered_tasks import parse_list, task_runs
from monitord_job.kickstart.job_output import parse_windows
from monitord_job.kickstart.monitoring_payload import integrity_metrics, without_payloads
from monitord_job.kickstart.records import ClusterLine, Damage
from tests.support.growth import assert_linear

WINDOW = 1 << 20
START, END = "@@@MONITORING_PAYLOAD - START@@@", "@@@MONITORING_PAYLOAD - END@@@"


def read(data: bytes) -> int:
    windows = ((offset, data[offset : offset + WINDOW]) for offset in range(0, len(data), WINDOW))
    return sum(1 for _ in parse_windows(windows))


@pytest.mark.parametrize(
    "unit",
    [
        b"[cluster-task id=1]",
        b"[cluster-task id=",
        b"[cluster-task id=1, x]\n",
        b"[cluster-task ",
        b"<invocation xmlns",
        b"<invocation ",
        b"- invocation: True\n  version:",
        b"- invocation:",
        b"---------------pegasus-multipart\n",
    ],
)
def test_an_output(unit):
    assert_linear(read, lambda size: unit * (size // len(unit)), 40_000)


def test_records_that_say_nothing_are_counted_too(monkeypatch):
    monkeypatch.setattr(job_output, "MAX_RECORDS", 10)
    unit = b"---------------pegasus-multipart\n- location: x\n"
    (damage,) = parse_windows([(0, unit * 1000)])
    assert isinstance(damage, Damage)
    assert damage.offset == len(unit) * 10


@pytest.mark.parametrize("word", [b"a", b"a=,", b'a="', b"-"])
def test_a_cluster_line(word):
    assert_linear(read, lambda size: b"[cluster-task " + word * (size // len(word)) + b"]\n", 4_000)


@pytest.mark.parametrize("line", ["#@ 1 a {} ", "#@{}", "#@ 1 {}", "#@ {}"])
def test_the_list_of_a_cluster(line):
    assert_linear(parse_list, lambda size: line.format(" " * size), 4_000)


def test_payloads_without_an_end():
    assert_linear(lambda text: list(integrity_metrics(text)), lambda size: START * (size // 32), 200_000)
    assert_linear(without_payloads, lambda size: START * (size // 32), 200_000)


def test_a_number_of_five_thousand_digits_is_no_number():
    digits = "9" * 5000
    (run,) = task_runs([ClusterLine(0, False, {"id": digits})])
    assert run.number == 1
    assert parse_list(f"#@ {digits} work w1\n/bin/work\n") == ()
    payload = (
        f'{{"monitoring_event": "int.metric", "payload": [{{"event": "check", "count": {digits[:400]}}}]}}'
    )
    assert list(integrity_metrics(START + payload + END)) == []
    assert without_payloads(f"a{START}{payload}{END}b{START}") == f"ab{START}"
