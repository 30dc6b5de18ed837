"""Numbering: the ranges and sequences from which both sides draw, handed over with the ownership.

Whoever owns a function draws its numbers. At a switch the new owner's counter is set beyond the old one's last number, with a gap, so that
no number comes twice; what was set is on the ledger.
"""
