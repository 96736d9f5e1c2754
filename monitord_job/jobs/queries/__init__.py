"""Questions to the database about attempts. Only reads."""
