"""What a catalog says: values, the schema of Pegasus 5.0, YAML text. Pure."""
