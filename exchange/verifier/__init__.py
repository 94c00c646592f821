"""Proof in anybody's hands: a log, an export or a receipt, checked without any hub."""
