"""The files that officers take away, by page and by program: each says what it contains."""
