"""Prints docs/api.md: the modules that people may import, from their `__all__` and docstrings."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = (
    "dag_rewriter.submit_dir",
    "dag_rewriter.rewrite",
    "planner_ext",
    "planner_ext.builder",
    "condor_templates.errors",
)
_HEAD = """\
# Python API

What is named here stays as it is between releases, or CHANGELOG.md says so; all other modules may change at any time.
Paths are `pathlib.Path`, times are seconds since the epoch, sizes are bytes. Names of nodes and files are text with
`surrogateescape`, so that bytes which are no UTF-8 come back as they were. Every error is a `BridleError`
with `where`, `what`, `hint`, and the `exit_code` that a command would end with.

Made by `make api` from the docstrings."""


def page() -> str:
    """The whole of docs/api.md."""
    parts = [_HEAD]
    for name in MODULES:
        module = import_module(name)
        parts += [f"## {name}", _doc(module), *(_entry(module, each) for each in module.__all__)]
    return "\n\n".join(parts) + "\n"


def _doc(thing: Any) -> str:
    """The docstring without its doctests."""
    text = inspect.getdoc(thing) or ""
    return text.partition("\n>>> ")[0].strip()


def _entry(module: ModuleType, name: str) -> str:
    thing = getattr(module, name)
    if not inspect.isclass(thing):
        return f"### {name}\n\n```python\ndef {name}{_signature(thing)}: ...\n```\n\n{_doc(thing)}"
    members = [f"- `{member}`: {said}" if said else f"- `{member}`" for member, said in _members(thing)]
    return "\n\n".join(part for part in (f"### {name}", _doc(thing), "\n".join(members)) if part)


def _signature(thing: Any) -> str:
    """As it is written, without `self`."""
    written = _parsed(thing)
    assert isinstance(written, ast.FunctionDef)
    takes = written.args
    takes.args = [each for each in takes.args if each.arg != "self"]
    gives = "" if written.returns is None else f" -> {ast.unparse(written.returns)}"
    return f"({ast.unparse(takes).replace('=', ' = ')}){gives}"


def _parsed(thing: Any) -> ast.stmt:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _members(thing: type) -> Iterator[tuple[str, str]]:
    """Fields, properties, methods: how they are written, and what they are."""
    if issubclass(thing, Enum):
        yield from ((f"{member.name} = {member.value!r}", "") for member in thing)
        return
    if issubclass(thing, Exception):
        return
    said = dict(_fields(thing))
    yield from said.items()
    for owner in reversed(thing.__mro__[:-1]):
        for name, value in vars(owner).items():
            if name.startswith("_") or not (inspect.isfunction(value) or isinstance(value, property)):
                continue
            first = _doc(value).partition("\n\n")[0].replace("\n", " ")
            yield (name if isinstance(value, property) else f"{name}{_signature(value)}"), first


def _fields(thing: type) -> Iterator[tuple[str, str]]:
    """The annotated fields of a class, with the strings that stand below them."""
    body = _parsed(thing)
    assert isinstance(body, ast.ClassDef)
    for at, item in enumerate(body.body):
        if (
            isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and not item.target.id.startswith("_")
        ):
            below = body.body[at + 1] if at + 1 < len(body.body) else None
            text = (
                below.value.value
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                else ""
            )
            yield f"{item.target.id}: {ast.unparse(item.annotation)}", str(text).replace("\n", " ")


if __name__ == "__main__":
    print(page(), end="")
