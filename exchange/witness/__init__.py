"""A witness: whoever runs one sees that a log only grows, and says so with a key of its own."""
