"""Hooks of abstract workflows, and people's own rules, as notification rules."""
