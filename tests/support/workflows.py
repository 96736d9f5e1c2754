"""Workflows for the tests to plan, from examples/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def plan(work: Path, *words: str) -> Path:
    """Call the example planner; the submit directory that it made below `work`."""
    command = [sys.executable, "-m", "planner", "--dir", str(work), *words]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (dag,) = work.rglob("*.dag")
    return dag.parent


def plan_mosaic(work: Path) -> Path:
    """The example that `make demo` runs."""
    return plan(work, "--cluster", "label", str(EXAMPLES / "mosaic" / "workflow.yml"))
