"""Each command with --json has a schema, which is in the docs; what it prints is held to it wherever tests run it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from condor_templates.json_schemas import ERROR, schema_names, schema_of
from dag_rewriter.cli import common
from planner_ext.catalogs.model.schema import REPLICAS, TRANSFORMATIONS, Fields, ListOf, OneOf, Rule
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


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_says_what_is_in_each_object_and_list(name: str) -> None:
    schema = schema_of(name)
    assert list(_open_ones(schema, "")) == []


def _open_ones(schema: Any, where: str) -> Iterator[str]:
    if isinstance(schema, list):
        for at, each in enumerate(schema):
            yield from _open_ones(each, f"{where}/{at}")
    if not isinstance(schema, dict):
        return
    kinds = schema.get("type", ())
    if "object" in kinds and not {"properties", "additionalProperties"} & set(schema):
        yield where
    if "array" in kinds and not {"items", "prefixItems"} & set(schema):
        yield where
    for key, each in schema.items():
        yield from _open_ones(each, f"{where}/{key}")


@pytest.mark.parametrize(
    ("names", "key", "rule"),
    [
        (("tc-list", "tc-lookup"), "transformations", TRANSFORMATIONS),
        (("rc-list", "rc-lookup"), "replicas", REPLICAS),
    ],
)
def test_entries_of_catalogs_are_what_pegasus_takes_there(names, key: str, rule: Fields) -> None:
    for name in names:
        _same_keys(schema_of(name)["properties"][key], rule.keys[key])


def _same_keys(schema: dict[str, Any], rule: Rule) -> None:
    if isinstance(rule, ListOf):
        _same_keys(schema["items"], rule.item)
    elif isinstance(rule, Fields):
        assert set(schema["properties"]) == set(rule.keys)
        for key, each in rule.keys.items():
            _same_keys(schema["properties"][key], each)
    elif isinstance(rule, OneOf):
        assert schema["examples"] == list(rule.words)


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
