"""Facts of a run, the state it is in, and what helps."""
