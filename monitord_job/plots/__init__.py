"""Pictures of a run, drawn by matplotlib: the only room that imports it."""
