"""Questions to the database: counted there, one question for all workflows of a run."""
