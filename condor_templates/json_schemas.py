"""The JSON Schema (draft 2020-12) of what each command prints under --json; the files are in the folder `schemas`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

ERROR = "error"
"""The name of the schema of errors, which all commands share."""
_FOLDER = Path(__file__).with_name("schemas")
_SHARED = "defs"


def schema_names() -> list[str]:
    """Of all schemas: the words of a command with hyphens between them, and `error`."""
    return sorted(path.stem for path in _FOLDER.glob("*.json") if path.stem != _SHARED)


def schema_of(name: str) -> dict[str, Any]:
    """A schema, complete in itself. KeyError for a name that is none of `schema_names`.

    >>> schema_of("check")["title"]
    'bridle check'
    """
    if name not in schema_names():
        raise KeyError(name)
    schema = _read(name)
    used = _used(schema)
    return schema | ({"$defs": {each: _read(_SHARED)["$defs"][each] for each in used}} if used else {})


@cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_bytes())
    return content


def _used(schema: dict[str, Any]) -> list[str]:
    """The shared definitions that a schema needs, those of each other too."""
    used: set[str] = set()
    waiting = _references(schema)
    while waiting:
        used |= waiting
        shared = _read(_SHARED)["$defs"]
        waiting = set().union(*(_references(shared[name]) for name in waiting)) - used
    return sorted(used)


def _references(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = {str(value["$ref"]).rpartition("/")[2]} if "$ref" in value else set()
    return own.union(*map(_references, value.values()))
