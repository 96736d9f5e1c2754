"""The first item of a submit description's `queue NAMES in|from ITEMS`: what its first job has for these macros."""

from __future__ import annotations

import re
from collections.abc import Callable

_QUEUE = re.compile(
    r"^[ \t]*queue\b[ \t]*(?:\d+\b|\$\([^)\n]*\))?[ \t]*(?P<names>[\w, \t]*?)[ \t]*\b(?P<how>in|from)\b[ \t]*"
    r"(?:\[[^\]\n]*\][ \t]*)?(?:\((?P<list>[^)]*)\)|(?P<rest>[^\n]*))",
    re.IGNORECASE | re.MULTILINE,
)
_BETWEEN = re.compile(r"[ \t]*,[ \t]*|[ \t]+")


def first_item(description: str, read: Callable[[str], str] = lambda _name: "") -> dict[str, str]:
    """Macros by name in lower case; none without items. `read` gives the text of a file of items.

    >>> first_item("queue name, size from (\\n  red 3 4\\n  blue 5\\n)")
    {'name': 'red', 'size': '3 4'}
    >>> first_item("queue 2 in (a, b)"), first_item("queue n from list.txt", {"list.txt": "7\\n8\\n"}.__getitem__)
    ({'item': 'a'}, {'n': '7'})
    """
    match = _QUEUE.search(description)
    if match is None:
        return {}
    names = [name.lower() for name in _BETWEEN.split(match["names"].strip()) if name] or ["item"]
    items = match["list"] if match["list"] is not None else match["rest"].strip()
    if match["how"].lower() == "in":
        return dict(zip(names, items.replace(",", " ").split()[:1], strict=False))
    if match["list"] is None:  # a file; of a program's output (`|`) nothing is known
        items = "" if items.endswith("|") else read(items)
    lines = (line.strip() for line in items.splitlines())
    item = next((line for line in lines if line and not line.startswith("#")), "")
    return dict(zip(names, _BETWEEN.split(item, len(names) - 1), strict=False)) if item else {}
