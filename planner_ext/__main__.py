"""`python -m planner_ext`: the bridle command of this very interpreter."""

from planner_ext.cli import main

main()
