"""The monitor: follows what DAGMan and the jobs write, and keeps the Stampede database."""
