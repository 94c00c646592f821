"""Plugin `xdomea`."""
