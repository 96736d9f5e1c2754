"""A TOML file's tables, checked: unknown keys and values of another type are named by file and key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from condor_templates.errors import PolicyError


@dataclass(frozen=True, slots=True)
class TomlTable:
    """One table of a TOML file, and where it stands. What it raises is a PolicyError, without any value of the file:
    notify.toml holds secrets.
    """

    source: str
    values: dict[str, Any]
    name: str = ""
    """empty: the file as a whole"""

    def where(self, key: str) -> str:
        """A key of this table in an error.

        >>> TomlTable("policy.toml", {}, "limits").where("cleanup")
        'policy.toml: key limits.cleanup'
        """
        return f"{self.source}: key {self.name}{'.' * bool(self.name)}{ascii(key[:200])[1:-1]}"

    def check_keys(self, known: Iterable[str], hint: str = "") -> None:
        """PolicyError for a key that is not known."""
        names = list(known)
        unknown = sorted(self.values.keys() - set(names))
        if unknown:
            raise PolicyError(
                self.where(unknown[0]), "there is no such key", hint or f"use {', '.join(names)}"
            )

    def table(self, key: str, example: str = "its keys") -> TomlTable:
        """A table in this one; empty if it is not there."""
        values = self.values.get(key, {})
        if not isinstance(values, dict):
            raise PolicyError(self.where(key), "it is not a table", f"write [{key}] and below it {example}")
        return TomlTable(self.source, values, key)

    def tables(self, key: str) -> list[TomlTable]:
        """The tables of a list of tables; none if it is not there."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            raise PolicyError(self.where(key), "it is not a list of tables", f"write [[{key}]] before each")
        return [TomlTable(self.source, one, f"{key}[{number}]") for number, one in enumerate(values, 1)]

    def text(self, key: str, default: str = "") -> str:
        """A text, without the blanks around it."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise PolicyError(self.where(key), "it is not a string", "put it in quotes")
        return value.strip()

    def texts(self, key: str, example: str) -> tuple[str, ...]:
        """A list of texts; empty if it is not there."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise PolicyError(self.where(key), "it is not a list of strings", f"write {key} = [{example}]")
        return tuple(values)


_MAX_DOTS = 1000


def parse_toml(text: str, source: str) -> TomlTable:
    """The file as a whole; `source` names it. Raises PolicyError."""
    if any(line.count(".") > _MAX_DOTS for line in text.split("\n")):
        what = f"a line of it has more than {_MAX_DOTS} dots"  # tomllib takes the square of a dotted key's length
        raise PolicyError(source, what, "write one value in a line")
    try:
        return TomlTable(source, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(source, f"it is not TOML: {error}", "mend that line") from None
    except RecursionError:
        raise PolicyError(source, "its brackets are nested too deep", "write a table for each") from None
    except ValueError:  # int() reads 4,300 digits at the most
        raise PolicyError(
            source, "a number in it has too many digits", "write one that can be meant"
        ) from None


def whole_number(value: object, where: str, what: str, hint: str) -> int:
    """The value, if it is a whole number from 1: to Python True is one, too."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PolicyError(where, f"{value!r} is not a {what}", hint)
    return value
