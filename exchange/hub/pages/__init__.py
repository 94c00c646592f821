"""The person's page: rendered here, readable without a script, leaving nothing behind."""
