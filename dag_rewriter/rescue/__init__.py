"""Rescue DAGs: what they say, where a run stands, steps to go on or back."""
