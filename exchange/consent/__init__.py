"""What a person allowed, and the decision about it."""
