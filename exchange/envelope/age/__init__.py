"""The age v1 file format on the primitives of cryptography alone."""
