"""Shadow comparison: what of two answers differs, by which rules, what of it is noise, and what is kept of it for people.

All of it is pure. Who asks both sides is the facade (`strangler.facade.shadow`).
"""
