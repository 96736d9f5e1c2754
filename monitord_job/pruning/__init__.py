"""Taking old runs out of a database that many share."""
