"""Figures of an agreement: what is counted, what of it may be published, and how it is written."""
