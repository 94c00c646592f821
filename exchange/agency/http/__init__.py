"""The local HTTP API of a gateway: what a back office on this machine asks of its agency."""
