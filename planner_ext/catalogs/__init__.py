"""The three catalogs of Pegasus: transformations, replicas, sites. Old formats are read, YAML 5.0 is written."""
