"""Notification rules that their user has confirmed, as if they had stood there when the workflow was submitted."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter.directory.confirmed import confirm


def write_rules(path: Path, text: str | bytes) -> None:
    """Put rules into a file of a submit directory, and confirm them."""
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(data)
    confirm(path, data)


def confirm_planned(folder: Path) -> None:
    """Confirm what the planner has written below a folder."""
    confirm_all(folder, "*.notify")


def confirm_all(folder: Path, pattern: str) -> None:
    """Confirm all files of such a name below a folder."""
    for path in folder.rglob(pattern):
        confirm(path, path.read_bytes())
