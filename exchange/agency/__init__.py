"""The side that holds plaintext."""
