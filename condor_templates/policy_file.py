"""Category policy from text: our TOML files, Pegasus's properties, the words of a command line.

A file has up to four parts, each of which may be missing:

    [limits]              # for categories that the DAG gives no MAXJOBS; "unlimited": none
    cleanup = 10
    [planner_limits]      # instead of what the planner writes when nobody says anything (cleanup 4, stagein 10, ...)
    stagein = 40
    [[rule]]              # nodes that are in no category; what is given must fit, lists mean "any of"
    category = "gpu"
    transformation = ["ns::train*", "infer"]
    site = "condorpool"
    universe = "vanilla"
    node = "train_*"
    job_class = ["compute", 9]

and [monitor] and [notifications], which condor_templates.monitor_policy and .notification_policy read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

from condor_templates.errors import PolicyError
from condor_templates.policy import CategoryPolicy, CategoryRule, JobClass, Limit
from condor_templates.toml_table import TomlTable, parse_toml, whole_number

UNLIMITED = "unlimited"
_DIGITS = 9
"""... of the largest limit: DAGMan has 32 bits for it."""
_CLASSES = {kind.name.lower().replace("_", "-"): kind.value for kind in JobClass}
_OLD_NAMES = {"stage-in": "stagein", "stage-out": "stageout", "stage-inter": "stageinter"}
"""What categories were called in properties of older planners; the planner still maps them."""
_NUMBER = 'write a whole number from 1, or "unlimited", e.g. cleanup = 10'
_TABLES = (
    "a policy has [limits], [planner_limits], [[rule]] (`bridle help categories`), [monitor] (`bridle help "
    "reliability`) and [notifications] (`bridle help notifications`)"
)


def parse_policy(text: str, source: str) -> CategoryPolicy:
    """A policy file's layer; `source` names the file. Raises PolicyError.

    >>> parse_policy("[limits]\\ncleanup = 10", "policy.toml").limits["cleanup"]
    Limit(number=10, source='policy.toml')
    """
    tables = parse_toml(text, source)
    tables.check_keys(("limits", "planner_limits", "rule", "monitor", "notifications"), _TABLES)
    return CategoryPolicy(
        rules=tuple(map(_rule, tables.tables("rule"))),
        limits=_limits(tables, "limits"),
        planner_limits=_limits(tables, "planner_limits"),
    )


def _limits(tables: TomlTable, key: str) -> Mapping[str, Limit]:
    table = tables.table(key, "e.g. cleanup = 10")
    return {name: _limit(name, value, table) for name, value in table.values.items()}


def _limit(name: str, value: object, table: TomlTable) -> Limit:
    where = table.where(name)
    check_category(name, where)
    number = None if value == UNLIMITED else whole_number(value, where, "limit", _NUMBER)
    return Limit(number, table.source)


def check_category(name: str, where: str) -> None:
    """PolicyError for a name that a DAG cannot hold."""
    if not name or any(c.isspace() or c in "\"'\\" for c in name):
        raise PolicyError(where, f"{name!r} cannot be a category", "use a name without blanks and quotes")


def _rule(table: TomlTable) -> CategoryRule:
    category = table.values.get("category")
    where = table.where("category")
    if not isinstance(category, str):
        raise PolicyError(where, "the rule names no category", 'add category = "..."')
    check_category(category, where)
    table.check_keys(["category", *_SELECTORS])
    chosen: dict[str, Any] = {}
    for name, value in table.values.items():
        if name != "category":
            values = value if isinstance(value, list) else [value]
            chosen[name] = tuple(_SELECTORS[name](one, table.where(name)) for one in values)
    if not any(chosen.values()):
        what = "the rule selects nothing, and would put every node into one category"
        raise PolicyError(
            f"{table.source}: key {table.name}", what, 'say which nodes; all of them are node = "*"'
        )
    return CategoryRule(category, **chosen)


def _pattern(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise PolicyError(where, f"{value!r} is not a pattern", 'write text, e.g. "ns::train*"')
    return value


def _job_class(value: object, where: str) -> int:
    known = _CLASSES.get(value) if isinstance(value, str) else value
    if isinstance(known, bool) or not isinstance(known, int):
        names = ", ".join(_CLASSES)
        raise PolicyError(where, f"{value!r} is not a job class", f"use a number, or one of {names}")
    return known


_SELECTORS: Mapping[str, Callable[[object, str], str | int]] = {
    "job_class": _job_class,
    "transformation": _pattern,
    "site": _pattern,
    "universe": lambda value, where: _pattern(value, where).lower(),
    "node": _pattern,
}


_LIMITS = "maxjobs"
_NO_PART_OF_A_WORD = re.compile(r"[\\\s]+")
"""Java joins lines at a backslash, and takes it away before most letters."""


def parse_properties(text: str, source: str) -> CategoryPolicy:
    r"""`dagman.<category>.maxjobs` of Pegasus's properties (Java's escapes). Raises PolicyError.

    >>> parse_properties("dagman.clean\\u0075p.maxjobs = 7\ndagman.maxjobs=3", "p").properties["cleanup"].number
    7
    """
    if _LIMITS not in _NO_PART_OF_A_WORD.sub("", text) and "\\u" not in text:
        return CategoryPolicy()  # as most: the library takes as long to load as the rest of the planner hook
    import javaproperties

    limits: dict[str, Limit] = {}
    line = 1
    try:
        for element in javaproperties.parse(StringIO(text)):
            if isinstance(element, javaproperties.KeyValue):
                name = _category_of(element.key)
                if name is not None:
                    limits[name] = _property_limit(element.key, element.value, source, line)
            line += element.source.count("\n")
    except javaproperties.InvalidUEscapeError as error:
        raise PolicyError(f"{source}:{line}", str(error), "write \\u and four hexadecimal digits") from None
    return CategoryPolicy(properties=limits)


def _category_of(key: str) -> str | None:
    """The category that a property limits; None for any other property.

    >>> [_category_of(key) for key in ("dagman.stage-in.maxjobs", "dagman.maxjobs", "dagman.a.maxidle")]
    ['stagein', None, None]
    """
    if not key.startswith("dagman.") or not key.endswith(".maxjobs") or len(key) <= len("dagman..maxjobs"):
        return None
    name = key.removeprefix("dagman.").removesuffix(".maxjobs")
    return _OLD_NAMES.get(name, name)


def _property_limit(key: str, value: str, source: str, line: int) -> Limit:
    number = _limit_in(value.strip())
    if number is None:
        where, what = f"{source}:{line}", f"{key} is {value[:80]!r}, which is not a limit"
        raise PolicyError(where, what, "give it a whole number from 1")
    return Limit(number, f"{source} ({key})")


def _limit_in(text: str) -> int | None:
    """A whole number from 1 that DAGMan can hold."""
    return (int(text) or None) if text.isdecimal() and len(text) <= _DIGITS else None


def parse_setting(text: str) -> tuple[str, int | None]:
    """`--set CATEGORY=LIMIT` of a command line. Raises PolicyError.

    >>> parse_setting("cleanup=10"), parse_setting("cleanup=unlimited")
    (('cleanup', 10), ('cleanup', None))
    """
    where = f"--set {text}"
    name, equals, value = text.rpartition("=")
    if not equals:
        raise PolicyError(where, "no category and limit", "write e.g. --set cleanup=10")
    check_category(name, where)
    if value == UNLIMITED:
        return name, None
    number = _limit_in(value)
    if number is None:
        raise PolicyError(
            where, f"{value[:80]!r} is not a limit", "write a whole number from 1, or unlimited"
        )
    return name, number
