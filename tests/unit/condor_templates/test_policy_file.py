"""Policy files, Pegasus's properties, --set: what they give, and what is said about a mistake."""

from __future__ import annotations

import sys

import pytest

from condor_templates.errors import PolicyError
from condor_templates.policy import CategoryRule, Limit
from condor_templates.policy_file import parse_policy, parse_properties, parse_setting

POLICY = """
[limits]
cleanup = 10
subwf = "unlimited"
[planner_limits]
stagein = 40
[[rule]]
category = "gpu"
transformation = ["ns::train*", "infer"]
site = "pool"
universe = "Vanilla"
node = "t_*"
job_class = ["compute", 9]
"""


def test_a_policy_file() -> None:
    found = parse_policy(POLICY, "p.toml")
    assert found.limits == {"cleanup": Limit(10, "p.toml"), "subwf": Limit(None, "p.toml")}
    assert found.planner_limits == {"stagein": Limit(40, "p.toml")}
    assert found.rules == (
        CategoryRule("gpu", (1, 9), ("ns::train*", "infer"), ("pool",), ("vanilla",), ("t_*",)),
    )
    assert parse_policy("", "p.toml").limits == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[limits]\ncleanup = \n", r"p\.toml: it is not TOML: .*line 2"),
        (
            "[limits]\ncleanup = 0",
            r"p\.toml: key limits\.cleanup: 0 is not a limit; write a whole number from 1",
        ),
        ("[limits]\ncleanup = true", "True is not a limit"),
        ("[limits]\ncleanup = 'many'", "'many' is not a limit"),
        ("[limits]\n'a b' = 1", "'a b' cannot be a category"),
        ("limits = 3", "key limits: it is not a table"),
        ("[limit]\na = 1", "key limit: there is no such key"),
        ("rule = 3", "key rule: it is not a list of tables"),
        ("[[rule]]\nnode = 'a'", r"key rule\[1\]\.category: the rule names no category"),
        ("[[rule]]\ncategory = 'a'", r"key rule\[1\]: the rule selects nothing"),
        (
            "[[rule]]\ncategory = 'a'\nname = 'b'",
            r"key rule\[1\]\.name: there is no such key; use category, job_",
        ),
        (
            "[[rule]]\ncategory = 'a'\njob_class = 'cleaning'",
            "'cleaning' is not a job class; use a number, or one of",
        ),
        ("[[rule]]\ncategory = 'a'\nsite = 3", "3 is not a pattern"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        parse_policy(text, "p.toml")


def test_properties_as_java_writes_them() -> None:
    text = "# a comment\ndagman.stage-in.maxjobs \\\n  = 3\ndagman.big\\ mem.maxjobs:1\ndagman.CLEANUP.maxjobs 9\n"
    text += "dagman.maxjobs=200\npegasus.home.bindir=/opt/pegasus\\:bin\n"
    assert parse_properties(text, "p").properties == {
        "stagein": Limit(3, "p (dagman.stage-in.maxjobs)"),
        "big mem": Limit(1, "p (dagman.big mem.maxjobs)"),
        "CLEANUP": Limit(9, "p (dagman.CLEANUP.maxjobs)"),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a=1\n\ndagman.cleanup.maxjobs=many\n",
            r"p:3: dagman\.cleanup\.maxjobs is 'many', which is not a limit",
        ),
        ("a=1\nb=\\u00zz\n", r"p:2: .*write \\u and four"),
    ],
)
def test_a_mistake_in_properties_has_its_line(text: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        parse_properties(text, "p")


@pytest.mark.parametrize("text", ["cleanup", "cleanup=", "cleanup=0", "=3", "a b=3", "cleanup=x"])
def test_a_setting_that_is_none(text: str) -> None:
    with pytest.raises(PolicyError, match="--set"):
        parse_setting(text)


@pytest.mark.parametrize(
    "text", ["dagman.a.max\\\n   jobs = 3", "dagman.a.m\\axjobs = 3", "dagman.a.max\\u006aobs = 3"]
)
def test_a_limit_is_seen_however_java_may_write_it(text: str) -> None:
    assert parse_properties(text, "p").properties["a"].number == 3


def test_properties_without_limits_load_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "javaproperties", None)
    assert parse_properties("pegasus.home = jdbc\\:x\ndagman.maxpre = 1\n", "p").properties == {}
