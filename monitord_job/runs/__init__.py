"""Which runs there are, how each stands, and which one a person means."""
