"""Fencing: the legacy database itself refuses writes to the rows of a function that moves, or has moved.

By triggers, or by taking privileges away. Either way as statements that can be shown beforehand, that can be run twice, and
each with the one that takes it back.
"""
