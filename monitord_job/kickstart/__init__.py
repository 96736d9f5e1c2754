"""What a job wrote on its stdout: text to records. Pure."""
