"""The roof: the `bridle` command, what happens after planning, and the personal HTCondor pool."""
