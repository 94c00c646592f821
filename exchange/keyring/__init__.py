"""Identity and document keys."""
