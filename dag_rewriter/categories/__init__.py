"""Who is in which category, and whose limit counts."""
