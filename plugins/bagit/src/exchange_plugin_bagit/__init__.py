"""Plugin `bagit`."""
