"""The planner hook: shims in PATH before the programs of Pegasus and HTCondor."""
