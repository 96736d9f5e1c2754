"""A personal HTCondor pool."""
