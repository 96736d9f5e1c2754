"""A text that is included several times means what it means each time, and stands in memory once."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.errors import DagSyntaxError
from dag_rewriter.model import includes
from dag_rewriter.model.splices import WholeDag, expand
from dag_rewriter.model.tally import tally_whole

HEAD = b"JOB A a\nJOB B b\nJOB C c\nSUBDAG EXTERNAL D d.dag\n"
lines = st.lists(
    st.sampled_from(
        [
            *(
                "RETRY A 1",
                "retry A 2 UNLESS-EXIT 3",
                "RETRY ALL_NODES 4",
                "CATEGORY B c",
                "category ALL_NODES d",
            ),
            *(
                'VARS A a="1"',
                'vars A a="2" b="3"',
                "SCRIPT PRE C p.sh 1",
                "SCRIPT POST ALL_NODES q.sh",
                "DONE C",
            ),
            *("MAXJOBS c 1", "MAXJOBS c 2", "PARENT A CHILD B", "PARENT A B CHILD C D", "ABORT-DAG-ON B 3"),
            *("INCLUDE 0", "INCLUDE 1", "INCLUDE 2", "# note", "", "PRIORITY B 7", "JOB E e", "retry A \\"),
            *("PRE_SKIP B 1", "SUBMIT-DESCRIPTION a {\nqueue\n}", "nonsense", "RETRY Z 1"),
        ]
    ),
    max_size=4,
).map(lambda given: "\n".join([*given, ""]).encode())


def meaning(texts: dict[str, bytes]) -> object:
    try:
        whole = expand("x.dag", texts.__getitem__)
    except DagSyntaxError as error:
        return re.sub(r"line \d+", "line", error.what)  # of a text that was put together
    return [
        told(whole),
        Counter(whole.edges()),
        tally_whole(whole),
        whole.dag.max_jobs,
        whole.dag.highest_priority(),
    ]


def told(whole: WholeDag) -> list[object]:
    nodes = list(whole.nodes())
    works = [work for part in whole.parts for work in part.works()]
    settings = [(node.name, node.category, node.priority, node.done, dict(node.vars)) for node in nodes]
    return [works, settings, sorted(whole.dag.submit_files())]


@given(
    lines,
    lines,
    lines,
    st.lists(st.sampled_from([b"INCLUDE 0\n", b"INCLUDE 1\n", b"RETRY B 5\n"]), max_size=6),
)
def test_it_means_the_same_as_if_it_stood_there_each_time(
    first: bytes, second: bytes, third: bytes, order: list[bytes]
) -> None:
    texts = {"x.dag": HEAD + b"".join(order), "0": first, "1": second, "2": third}
    once = meaning(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(includes, "_has_settings_alone", lambda _: False)
        assert once == meaning(texts)


def test_a_text_that_ends_within_a_command_stands_where_it_is_included() -> None:
    texts = {"x.dag": HEAD + b"INCLUDE i\n" * 2, "i": b"RETRY A 1\nINCLUDE j\nretry A \\\n# note\n", "j": b""}
    assert meaning(texts) == "retry: the number of retries is not a number (of 32 bits): 'RETRY'"


@pytest.mark.parametrize("setting", [b"RETRY A 3\n", b"retry A 3\nINCLUDE j\n"])
def test_a_text_of_settings_stands_in_memory_once(setting: bytes) -> None:
    texts = {"x.dag": HEAD + b"INCLUDE i\n" * 1000, "i": setting * 50, "j": b'VARS A a="1"\n' * 9}
    texts["i"] = setting * (50 if setting.startswith(b"RETRY") else 1)
    whole = expand("x.dag", texts.__getitem__)
    assert len(whole.dag.index.data) <= len(HEAD) + sum(map(len, texts.values())) - len(texts["x.dag"])
    assert whole.dag.nodes["A"].retries == 3
