"""What failed in a run, what is held, and why: equal failures told once, from the database alone."""
