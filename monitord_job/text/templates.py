"""The only door to jinja2: templates in a folder of condor_templates, escaped where they make HTML."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

Filters = tuple[tuple[str, Callable[..., str]], ...]
"""Name and function of each."""


@cache
def environment(folder: str, filters: Filters = ()) -> Environment:
    """The templates there; a value that a template asks for and nobody gave is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    jinja = Environment(
        loader=PackageLoader("condor_templates", folder),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters.update(filters)
    return jinja


def source(folder: str, name: str) -> str:
    """A file beside the templates, as it is."""
    jinja = environment(folder)
    assert jinja.loader is not None
    return jinja.loader.get_source(jinja, name)[0]
