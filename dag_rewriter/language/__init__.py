"""DAGMan's language: bytes to commands and back, byte for byte. Pure."""
