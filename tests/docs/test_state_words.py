"""One state has one word: in the table of the docs, in help and messages, in the docs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from condor_templates.state_words import MEANINGS, OTHER_WORDS, StateWord, table
from monitord_job.outcome.ending import Ending
from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus
from monitord_job.readers.run_outcome import RunState
from tests.docs.test_help import ALL
from tests.docs.test_next_commands import PACKAGES, texts
from tests.support.places import CHECKOUT

WORDS = {word.value for word in StateWord}
DOCS = sorted(
    str(path.relative_to(CHECKOUT)) for path in (*(CHECKOUT / "docs").glob("*.md"), CHECKOUT / "README.md")
)


def test_the_docs_have_the_table() -> None:
    assert "\n".join(table()) in (CHECKOUT / "docs" / "monitoring.md").read_text()
    assert MEANINGS.keys() == set(StateWord)


def test_each_state_has_a_word_of_the_table() -> None:
    assert NODE_WORDS.keys() == set(NodeStatus)
    assert {state.value for state in RunState} <= WORDS
    assert {ending.value for ending in Ending} - WORDS <= {"aborted", "halted"}, "which are DAGMan's own"


def messages() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            if path.name != "state_words.py":
                yield from ((str(path.relative_to(CHECKOUT)), text) for text in texts(path) if " " in text)


@pytest.mark.parametrize("other", OTHER_WORDS)
def test_no_other_word_is_said_for_it(other: str) -> None:
    is_said = re.compile(rf"\b{other}\b", re.IGNORECASE).search
    said = [f"{path}: {text}" for path, text in messages() if is_said(text) and text != other]
    said += [f"{name} -h" for name in ALL if is_said(ALL[name].command.get_help(ALL[name]))]
    said += [name for name in DOCS if is_said((CHECKOUT / name).read_text())]
    assert said == [], f"say: {OTHER_WORDS[other].value}"
