"""What bridle does to a run: submit, recover, control, change limits."""
