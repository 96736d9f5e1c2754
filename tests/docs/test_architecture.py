"""docs/architecture.md speaks of modules that are there."""

from __future__ import annotations

import re

from tests.docs.test_api import PACKAGES
from tests.support.places import CHECKOUT

ROOMS = {path.name for package in PACKAGES for path in (CHECKOUT / package).iterdir() if path.is_dir()}
PATHS = {path.relative_to(CHECKOUT) for package in PACKAGES for path in (CHECKOUT / package).rglob("*")}
MODULES = {".".join(path.with_suffix("").parts) for path in PATHS if path.suffix == ".py"}
MODULES |= {"dag_rewriter.files"}  # the one folder with a facade
FOLDERS = {".".join(path.parts) for path in PATHS}


def is_there(name: str) -> bool:
    """Whether it is a module or a folder, or what a module holds: by its whole name, or from its room on."""
    name = re.sub(r"\.[A-Z].*", "", name)
    known = (name, *(f"{package}.{name}" for package in PACKAGES))
    return any(one in MODULES | FOLDERS or one.rpartition(".")[0] in MODULES for one in known)


def test_every_module_that_it_names_is_there() -> None:
    text = (CHECKOUT / "docs/architecture.md").read_text()
    named = [
        name
        for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", text)
        if name.partition(".")[0] in ROOMS | set(PACKAGES)
    ]
    assert len(named) > 200
    assert [name for name in named if not is_there(name)] == []
