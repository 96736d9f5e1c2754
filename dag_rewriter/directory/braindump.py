"""braindump.yml (flat, every value a quoted string) and braindump.txt (4.9: `key value`) -> values."""

from __future__ import annotations

import json
from collections.abc import Mapping

_FLAT = 20
"""More brackets within each other than any value of a braindump has."""
_OF_THE_LIBRARY = (LookupError, ArithmeticError, TypeError, AttributeError)
"""What PyYAML lets out of its own mistakes, e.g. for `!!int` with nothing after it."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz_0123456789")


class BraindumpError(ValueError):
    """The text is no braindump."""


def parse_braindump(text: str) -> Mapping[str, str | None]:
    r"""The values by key, unknown keys kept; an unquoted null is None.

    >>> parse_braindump('dag: "x.dag"\ngrid_dn: null\nplanner_arguments: "\\"-v \\""')
    {'dag': 'x.dag', 'grid_dn': None, 'planner_arguments': '"-v "'}
    """
    values: dict[str, str | None] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon or not key or not _PLAIN.issuperset(key):
            return _any_yaml(text)
        try:
            values[key] = _scalar(json.loads(value))
        except (ValueError, RecursionError):  # written by hand or by another tool: no JSON string
            return _any_yaml(text)
    return values


def _scalar(value: object) -> str | None:
    """YAML's values as braindump means them: text, or nothing.

    >>> _scalar(True), _scalar(3)
    ('true', '3')
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise BraindumpError("a value is neither text nor a number")


def _any_yaml(text: str) -> Mapping[str, str | None]:
    """Any other way to write the same in YAML; slow to import, and the planner does not need it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    try:
        # The library goes down by recursion in C: a hundred thousand `[` would end the process itself.
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _FLAT:
                raise BraindumpError("it does not consist of `key: value` lines")
        loaded = yaml.load(text, Loader=loader)
    except BraindumpError:
        raise
    except (yaml.YAMLError, ValueError, *_OF_THE_LIBRARY) as error:
        raise BraindumpError(" ".join(str(error).split())) from error
    if not isinstance(loaded, dict):
        raise BraindumpError("it does not consist of `key: value` lines")
    return {str(key): _scalar(value) for key, value in loaded.items()}


def parse_braindump_txt(text: str) -> Mapping[str, str | None]:
    """Pegasus 4.9: the key, a blank, the rest.

    >>> parse_braindump_txt('dag x.dag\\ngrid_dn null\\nplanner_arguments "-v "')
    {'dag': 'x.dag', 'grid_dn': None, 'planner_arguments': '"-v "'}
    """
    values: dict[str, str | None] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if not key:
            continue
        if not _PLAIN.issuperset(key):
            raise BraindumpError(f"no key at the beginning of the line {line[:60]!r}")
        values[key] = None if value == "null" else value
    return values
