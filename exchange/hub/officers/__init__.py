"""Who asks at the officers' desk: accounts, one-time links, sessions, and the trace of a look."""
