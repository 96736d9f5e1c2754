"""What nodes that run again need."""
