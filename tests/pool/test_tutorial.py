"""The tutorial's commands, and the answers to its exercises, on a pool: they print what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner_ext.pool.pool import Pool
from tests.support.places import CHECKOUT
from tests.support.shown import ANOTHER_EACH_TIME, HOME, Scene, blocks, wrong

PAGE = CHECKOUT / "docs" / "tutorial.md"
CODES = {"bridle why above.dag": 2}


@pytest.mark.timeout(1200)  # all exercises, one after the other
def test_the_commands_print_what_the_page_shows(pool: Pool, work_dir: Path) -> None:
    home = work_dir / "home"
    folder = home / "tutorial"
    folder.mkdir(parents=True)
    environment = {name: value for name, value in pool.environment().items() if name != "HOME"}
    scene = Scene(folder, {**environment, "HOME": str(home)}, {str(home): HOME}, CODES, ANOTHER_EACH_TIME)
    assert [one for block in blocks(PAGE) for one in wrong(block, scene)] == []
