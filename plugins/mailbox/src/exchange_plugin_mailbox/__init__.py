"""Plugin `mailbox`."""
