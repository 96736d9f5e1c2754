"""Each command with --json has a schema, which is in the docs; what it prints is held to it wherever tests run it."""

from __future__ import annotations

import json
import re

import pytest
from jsonschema import Draft202012Validator

from condor_templates.json_schemas import ERROR, schema_names, schema_of
from dag_rewriter.cli import common
from planner_ext.cli import run_command
from tests.docs.test_help import ALL
from tests.support.json_documents import check, name_of, strict
from tests.support.places import CHECKOUT

WITH_JSON = {
    name.removeprefix("bridle ").replace(" ", "-")
    for name, ctx in ALL.items()
    if any("--json" in option.opts for option in ctx.command.params)
}


def test_each_command_with_json_has_a_schema() -> None:
    assert len(WITH_JSON) > 35
    assert {*WITH_JSON, ERROR} == set(schema_names())


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_one_and_all_that_it_prints_has_a_version(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    whole = [schema, *schema.get("anyOf", [])]
    documents = [
        schema["$defs"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in whole
    ]
    assert all("version" in each["required"] for each in documents if "required" in each)
    assert any("required" in each for each in documents)


def test_a_key_that_the_schema_does_not_name_is_seen() -> None:
    good = {"version": 1, "verb": "held", "to": []}
    check("hold", json.dumps(good))
    with pytest.raises(AssertionError, match="unexpected"):
        check("hold", json.dumps(good | {"new": 1}))
    assert strict({"properties": {}})["additionalProperties"] is False


def test_the_tests_see_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The fixture of tests/conftest.py stands between: a document of no schema fails its test."""
    with ALL["bridle hold"], pytest.raises(AssertionError, match="hold"):
        common.print_json({"verb": "held"})
    capsys.readouterr()


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["schema", "rescue", "list"]) == 0
    assert json.loads(capsys.readouterr().out) == schema_of("rescue-list")
    assert run_command(["schema"]) == 0
    assert {line.replace(" ", "-") for line in capsys.readouterr().out.splitlines()} == set(schema_names())
    assert run_command(["schema", "statsu"]) == 2
    assert "did you mean status?" in capsys.readouterr().err


def test_the_docs_name_each_command_that_prints_json() -> None:
    text = (CHECKOUT / "docs" / "json.md").read_text()
    named = set(re.findall(r"^\| `([a-z -]+)` \|", text, re.MULTILINE))
    assert {name_of(name.split()) for name in named} == set(schema_names())
