"""Statistics of runs: what pegasus-statistics counts, and more, from their database alone."""
