"""The public API: what `__all__` of the packages' own modules names, all of it documented, with types."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.test_help import CHECKOUT, documents
from tests.docs.test_startup import SLOW
from tools.api_page import MODULES, page

PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")
NAMES = [(module, name) for module in MODULES for name in import_module(module).__all__]


def snippets() -> list[str]:
    """The Python of the documents that imports from the packages."""
    blocks = [
        block
        for page in documents()
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    return [block for block in blocks if list(imported(block))]


def imported(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of what a source imports from the packages."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] in PACKAGES)


def test_the_page_is_what_the_docstrings_say() -> None:
    assert (CHECKOUT / "docs" / "api.md").read_text() == page(), "`make api` writes it anew"


def test_the_public_modules_are_those_of_the_packages_with_all() -> None:
    modules = {
        f"{package}.{file.stem}".removesuffix(".__init__")
        for package in PACKAGES
        for file in (CHECKOUT / package).glob("*.py")
        if "__all__ = " in file.read_text()
    }
    assert modules == set(MODULES)


def test_all_that_documents_and_examples_import_is_public() -> None:
    sources = [*snippets(), *(file.read_text() for file in (CHECKOUT / "examples").rglob("*.py"))]
    used = {found for source in sources for found in imported(source)}
    assert ("dag_rewriter.rewrite", "read_dag") in used
    assert used <= set(NAMES)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_has_a_docstring(module: str, name: str) -> None:
    thing = getattr(import_module(module), name)
    assert thing.__doc__
    assert "(" not in thing.__doc__.partition("\n")[0][: len(name) + 1], (
        "a dataclass's own signature is no docstring"
    )
    if inspect.isfunction(thing):
        assert "Raises" in thing.__doc__ or "Error" in thing.__doc__


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("dag_rewriter")])
def test_the_library_loads_nothing_slow(module: str) -> None:
    script = f"import sys, {module}\nprint(*({SLOW!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_mypy_sees_the_types_from_outside(tmp_path: Path) -> None:
    """`--strict`, in a folder that has nothing of ours: the packages are found as installed ones are."""
    for number, snippet in enumerate(snippets()):
        (tmp_path / f"snippet{number}.py").write_text(snippet)
    wrong = "from dag_rewriter.rewrite import read_dag\nread_dag(7).nodes.values().nonsense\n"
    (tmp_path / "wrong.py").write_text(wrong)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line.partition(":")[0] for line in complaints] == ["wrong.py", "wrong.py"], (
        done.stdout + done.stderr
    )
