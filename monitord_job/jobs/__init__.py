"""The attempts at jobs, as a table and one by one: what is stored of each."""
