"""Benchmarks: ratios within one run, never absolute gates. `make bench`, `make bench ONLY=name`."""
