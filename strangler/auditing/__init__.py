"""Auditing: the ledger as a bundle that is checked without this software."""
