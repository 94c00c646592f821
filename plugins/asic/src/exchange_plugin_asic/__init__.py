"""Plugin `asic`."""
