"""Of a group, a possessive repetition takes what it does not match, or too little, before Python 3.11.5 (gh-106052)."""

from __future__ import annotations

import re

import pytest

from tests.support.places import CHECKOUT

PACKAGES = ("planner_ext", "dag_rewriter", "monitord_job", "condor_templates")
_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{\{?[0-9,]+\}\}?)\+")


def test_no_group_is_repeated_possessively():
    sources = [path for package in PACKAGES for path in CHECKOUT.joinpath(package).rglob("*.py")]
    assert len(sources) > 300
    assert [
        f"{path}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _GROUP.search(line) and "`" not in line
    ] == []


@pytest.mark.parametrize("pattern", ["(?:a|b)*+", "(?:ab?)++", "(?:a)?+", "f{{(a){{1,2}}+}}"])
def test_such_a_group_would_be_found(pattern):
    assert _GROUP.search(pattern)
