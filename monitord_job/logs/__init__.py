"""What HTCondor and DAGMan write: text to events. `tail` alone opens files."""
