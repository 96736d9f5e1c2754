"""What once broke a parser, and some inputs of a fuzz that are the same each time: `make fuzz` has more."""

from time import process_time

import pytest
from hypothesis import given, settings

from tests.fuzz.inputs import changed
from tests.fuzz.promises import SECONDS, BrokenPromiseError, hold, weight
from tests.fuzz.targets import SEEDS, TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_every_parser_keeps_its_promises(name):
    target = TARGETS[name]
    for data in target.seeds(name):
        hold(target, data)

    @settings(derandomize=True, database=None, max_examples=3 if name.startswith("run-") else 15)
    @given(changed(target.seeds(name)))
    def fed(data: bytes) -> None:
        hold(target, data)

    fed()


def test_every_seed_is_of_a_parser():
    assert {path.name.partition(".")[0] for path in SEEDS.iterdir()} <= set(TARGETS)


def test_a_broken_promise_is_seen():
    def slow(data: bytes) -> None:
        end = process_time() + 2 * SECONDS
        while process_time() < end:
            pass

    def bomb(data: bytes) -> list[bytes]:
        return [data] * 500

    def undocumented(data: bytes) -> int:
        return int(data)

    with pytest.raises(BrokenPromiseError, match="took"):
        hold(Target(slow), bytes(100))
    with pytest.raises(BrokenPromiseError, match="values and characters"):
        hold(Target(bomb), bytes(4_000))
    with pytest.raises(ValueError, match="invalid literal"):
        hold(Target(undocumented), b"x")
    hold(Target(undocumented, (ValueError,)), b"x")
    assert weight({"a": ["bc", ("d",)]}, 100) == 10
