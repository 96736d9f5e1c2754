"""The event pipeline: read, decide, commit, for a workflow and all below it."""
