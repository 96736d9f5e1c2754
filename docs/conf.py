"""How Sphinx makes the site of these pages (`make docs`): no network, all warnings are errors.

Sphinx with Furo and MyST, not MkDocs: MkDocs 1.x is not maintained any more, and Material for MkDocs ends with it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).resolve().parent.parent
_OUTSIDE = re.compile(r"(?<!!)\[([^\]]*)\]\(\.\./([^)#]*)[^)]*\)")
"""A link to a file of the checkout that is no page."""

project = "pegasus-bridle"
author = "the authors of pegasus-bridle"
html_show_copyright = False
release = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
version = release
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["man"]
myst_heading_anchors = 4
nitpicky = True
html_theme = "furo"
html_title = f"bridle {release}"
html_static_path: list[str] = []
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
suppress_warnings = ["misc.highlighting_failure"]


def _without_links_outside(_app: Any, _page: str, source: list[str]) -> None:
    source[0] = _OUTSIDE.sub(r"\1 (`\2`)", source[0])


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("source-read", _without_links_outside)
