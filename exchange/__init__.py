"""Exchange of sealed documents between social agencies, only under a signed consent."""
