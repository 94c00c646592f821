"""Paper: what a person signs, withdraws with and takes home, as a page to print and as PDF."""
