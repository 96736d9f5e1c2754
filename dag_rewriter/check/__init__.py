"""What DAGMan would refuse, in the order in which it reads."""
