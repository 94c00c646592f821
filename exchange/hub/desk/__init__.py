"""The officers' pages at `/officer/`: German and English, without a script, for one account."""
