"""Rows, and the state of the rules, into the tables: in bulk, fenced, each value fitted to its column."""
