"""Where the tests find what `make test` set up, and where they work."""

from __future__ import annotations

from pathlib import Path

from tools.workplace import workplace

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / "build"
WORK = workplace(CHECKOUT)
"""Where runs on a pool live: build/, if DAGMan and the planner take its path."""
