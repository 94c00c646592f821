"""What a lost key, account or code affects, a module for each kind of thing that is lost."""
