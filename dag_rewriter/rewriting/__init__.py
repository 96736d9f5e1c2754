"""What is added to a DAG, taken out again, changed in it."""
