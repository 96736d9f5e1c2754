"""What is counted, as values. Pure."""
