"""What all files of ours begin with."""

OURS = "# Written by bridle; `bridle rewrite --undo` removes it, a rewrite writes it anew.\n"
"""The first line of every file of ours."""
