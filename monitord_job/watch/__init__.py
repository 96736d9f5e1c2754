"""A run as it goes on: what is seen at one moment, what is new, when it may end; on a screen, in lines."""
