"""HTTP routes of the hub: parse, verb, render."""
