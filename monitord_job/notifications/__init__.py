"""Rules, what they are triggered by, the outbox and its delivery."""
