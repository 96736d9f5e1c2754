"""Whether what commands print under --json is what their schemas say, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from condor_templates.json_schemas import ERROR, schema_names, schema_of


def strict(schema: Any) -> Any:
    """The schema, with no key that it does not name: what a program is told by is complete."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: strict(value) for key, value in schema.items()}
    return {"additionalProperties": False, **inner} if isinstance(schema.get("properties"), dict) else inner


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(strict(schema_of(name)))


def name_of(words: Sequence[str]) -> str | None:
    """The schema of a command line without `bridle`."""
    words = [word for word in words if not word.startswith("-")]
    names = ("-".join(words[:count]) for count in (2, 1))
    return next((name for name in names if name in schema_names()), None)


def check(name: str, text: str) -> None:
    """AssertionError if the text is no document of this schema, nor an error."""
    document = json.loads(text)
    chosen = (
        ERROR if isinstance(document, dict) and document.keys() == {"version", "error", "exit_code"} else name
    )
    wrong = [f"{each.json_path}: {each.message[:300]}" for each in validator(chosen).iter_errors(document)]
    assert not wrong, f"{chosen}: {wrong[:5]}"
