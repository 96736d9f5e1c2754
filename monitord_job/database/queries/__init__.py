"""Questions to the database of a run, and their answers as values. Only reads."""
