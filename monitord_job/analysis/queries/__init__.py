"""Questions to the database about attempts that failed or are held. Only reads."""
