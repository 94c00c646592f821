"""What agencies agreed."""
