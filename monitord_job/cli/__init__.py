"""Commands of the monitor and its readers: they parse, call one function, print."""
