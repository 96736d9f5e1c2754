"""Failures as values, and what makes two of them equal. Pure."""
