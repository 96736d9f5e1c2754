"""Attempts as text, CSV and JSON. Pure."""
