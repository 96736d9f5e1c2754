"""What lies in the files of notifications and is none: passed over, or named, and soon."""

import pytest

from monitord_job.notifications.delivery import read_results
from monitord_job.notifications.rule import Dialect
from monitord_job.notifications.rule_file import parse
from tests.support.growth import assert_linear

SOUND = b'{"key": "k", "code": 0, "seconds": 0.1, "stdout": "", "stderr": "", "cause": "", "tries": 1}\n'


@pytest.mark.parametrize(
    "junk",
    [
        b"[" * 100_000,
        b'{"key": ' + b"9" * 5000 + b"}",
        SOUND.replace(b'"k"', b'["k"]').strip(),
        SOUND.replace(b'"code": 0', b'"code": ' + b"9" * 400).strip(),
        SOUND.replace(b'"code": 0', b'"code": "0"').strip(),
        SOUND.replace(b'"seconds": 0.1', b'"seconds": NaN').strip(),
        bytes(1 << 20),
        b"7",
    ],
)
def test_junk_among_results_costs_nothing_but_itself(tmp_path, junk):
    path = tmp_path / "w.bridle-delivered"
    path.write_bytes(SOUND + junk + b"\n" + SOUND)
    assert [ended.key for ended in read_results(path).ended] == ["k", "k"]


@pytest.mark.parametrize("unit", [b"a", b" ", b"\\", b"'a'", b"JOB a error x\n", b"\\\n"])
@pytest.mark.parametrize("dialect", list(Dialect))
def test_rules_take_time_by_their_length(unit, dialect):
    begin = b"JOB a error /bin/x "
    assert_linear(
        lambda data: parse(data, "x", dialect), lambda size: begin + unit * (size // len(unit)), 32_000
    )
