"""The monitor's process: loop, lock, database, delivery."""
