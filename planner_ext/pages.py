"""The pages of the manual (docs/*.md): in the wheel beside this module, in a checkout at its top."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).with_name("manual")
_CHECKOUT = Path(__file__).parent.parent / "docs"


def page_names() -> list[str]:
    """Of all pages, in order."""
    return sorted(path.stem for path in _folder().glob("*.md"))


def page_of(name: str) -> str | None:
    """A page's text, in Markdown; None if there is none of this name."""
    path = _folder() / f"{name}.md"
    return path.read_text("utf-8") if name in page_names() else None


def _folder() -> Path:
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
