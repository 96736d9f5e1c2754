"""Counts of a DAG, as bridle, the planner and DAGMan write them."""
