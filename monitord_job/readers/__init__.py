"""Readers of the database: they catch up first."""
