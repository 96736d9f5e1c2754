"""What a notification tells, and how it is sent: mail, services, log."""
