"""The Stampede rules: events and records to rows. Pure."""
