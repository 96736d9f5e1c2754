"""Abstract workflows: values, YAML 5.0, DAX XML. Pure."""
