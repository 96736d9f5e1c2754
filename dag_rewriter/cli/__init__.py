"""Commands on DAGs: they parse, call one function, print."""
