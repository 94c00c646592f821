"""The way from each schema of the hub's database to the next. Revisions never change again."""
