"""Text of jobs: stripped of what a terminal obeys, quoted for Stampede. Pure."""
