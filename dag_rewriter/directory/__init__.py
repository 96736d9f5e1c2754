"""A submit directory: which file is which, what submit files say of jobs."""
