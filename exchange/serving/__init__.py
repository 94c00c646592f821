"""What the hub's HTTP side and the gateway's local API share: heads, bodies, problems, headers."""
