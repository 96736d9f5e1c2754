"""The formats of catalogs, each in one module, both ways."""
