"""Events for other programs: from rows, through an outbox, to a file."""
