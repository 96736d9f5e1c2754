"""Tables, engines, rows in bulk, queries: SQLite and PostgreSQL."""
