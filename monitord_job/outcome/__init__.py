"""How nodes, attempts and runs stand and end, and why: the one place that decides. Pure."""
