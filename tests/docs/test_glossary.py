"""The glossary can be searched by eye, and says each word once."""

from __future__ import annotations

from tests.support.places import CHECKOUT


def test_words_stand_once_and_in_order() -> None:
    rows = (CHECKOUT / "docs/glossary.md").read_text().splitlines()[6:]
    words = [row.split(" | ")[0].removeprefix("| ").lower() for row in rows]
    assert words == sorted(set(words))
    assert all(row.count(" | ") == 2 and row.split(" | ")[1] in ("D", "P", "b") for row in rows)
