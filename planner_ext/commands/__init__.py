"""Commands of the roof: they parse, call one function, print."""
