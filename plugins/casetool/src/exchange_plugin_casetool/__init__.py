"""Plugin `casetool`."""
