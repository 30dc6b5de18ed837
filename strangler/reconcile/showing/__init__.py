"""A reconciliation shown: as tables in the terminal, as JSON, as CSV, as a page.

All of them render an `account` of what the control store has of the run, so a run that has just ended and one of last year are shown
alike.
"""
