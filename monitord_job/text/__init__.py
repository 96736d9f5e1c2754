"""Text of jobs: stripped of what a terminal obeys, made fit for parsers and databases. Pure."""
