"""The marked block goes in and comes out without a trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.model import block

texts = st.lists(
    st.sampled_from(
        [
            b"JOB A a.sub",
            b"CONFIG c",
            b"CONFIG \\",
            b"  c",
            b"",
            b"# note",
            block.DISABLED + b"CONFIG d",
            b"\r",
        ]
    )
).flatmap(lambda found: st.sampled_from([b"\n".join(found), b"\n".join(found) + b"\n"]))


@given(texts | st.binary(max_size=60), st.sets(st.integers(1, 9)))
def test_split_is_the_inverse_of_compose(data: bytes, disabled: set[int]) -> None:
    parts = block.split(block.compose(data, ["SERVICE m m.sub", "CONFIG b"], disabled))
    assert parts.original == data
    assert parts.block is not None


@given(st.binary(max_size=60).filter(lambda data: block.END not in data))  # hypothesis knows our constants
def test_a_dag_without_a_block_is_left_alone(data: bytes) -> None:
    assert block.split(data) == block.SplitDag(data, None)


def test_lines_added_behind_the_block_are_kept() -> None:
    for original in (b"JOB A a.sub", b"JOB A a.sub\n"):
        edited = block.compose(original, ["CONFIG b"]) + b"RETRY A 1\n"
        assert block.split(edited).original == b"JOB A a.sub\nRETRY A 1\n"


def test_a_continued_command_goes_out_of_use_as_a_whole() -> None:
    data = b"CONFIG \\\n# which\n  user.config\nJOB A a.sub\n"
    composed = block.compose(data, [], {1})
    assert composed.startswith(
        b"#bridle: CONFIG \\\n#bridle: # which\n#bridle:   user.config\nJOB A a.sub\n" + block.BEGIN
    )
    assert block.split(composed).original == data


@pytest.mark.parametrize("line", [block.BEGIN, block.END])
def test_half_a_block_is_an_error(line: bytes) -> None:
    with pytest.raises(block.CutBlockError):
        block.split(b"JOB A a.sub\n" + line + b"\n")


def test_the_lines_of_the_block_are_counted_from_one() -> None:
    composed = block.compose(b"JOB A a.sub\n", ["SERVICE m m.sub"])
    assert block.lines_of(composed) == range(2, 5)
    assert block.lines_of(b"JOB A a.sub\n") == range(0)
