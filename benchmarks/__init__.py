"""Benchmarks: ratios to a peer and to the physical limit, measured in the same run with the arms alternated."""
