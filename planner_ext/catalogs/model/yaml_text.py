"""Values to YAML as Pegasus lays it out, line by line. What could be taken for something else is in quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from planner_ext.catalogs.model.document import Plain, Value

# It begins with a letter or a slash, so that no YAML reader takes it for a number or a date.
_SAFE = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_/.@%+~$=-]|:(?=[A-Za-z0-9_/.@%+~$=-]))*").fullmatch
_PLAIN = re.compile(r"[-+.0-9][A-Za-z0-9_.:+-]*").fullmatch
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
# Line breaks of YAML 1.1, and what it allows in no file: escaped in quotes.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def scalar(value: Value) -> str:
    r"""One value on one line.

    >>> [scalar(value) for value in ("file:///a b", "file:///a", "yes", "1.0", Plain("1.0"), True, None, "é\n")]
    ['"file:///a b"', 'file:///a', '"yes"', '"1.0"', '1.0', 'true', 'null', '"é\\n"']
    """
    if isinstance(value, str):
        if isinstance(value, Plain) and _PLAIN(value):
            return str(value)
        return value if _SAFE(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else json.dumps(value)


def _quoted(text: str) -> str:
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def lines(value: Value, indent: int = 0) -> Iterator[str]:
    """A mapping or a list as lines with their ends; lists are not indented, as Pegasus has them.

    >>> print(*lines({"sites": [{"name": "local", "empty": []}]}), sep="", end="")
    sites:
    - name: local
      empty: []
    """
    pad = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list) and item:
                yield f"{pad}{scalar(key)}:\n"
                yield from lines(item, indent if isinstance(item, list) else indent + 2)
            else:
                yield f"{pad}{scalar(key)}: {scalar(item)}\n"
    elif isinstance(value, list):
        for item in value:
            yield from list_item(item, indent)


def list_item(value: Value, indent: int = 0) -> Iterator[str]:
    """One item of a list as lines."""
    pad = " " * indent
    if isinstance(value, dict | list) and value:
        inner = lines(value, indent + 2)
        yield f"{pad}- {next(inner)[indent + 2 :]}"
        yield from inner
    else:
        yield f"{pad}- {scalar(value)}\n"
