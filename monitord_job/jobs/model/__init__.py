"""Attempts as values, and which of them are wanted. Pure."""
