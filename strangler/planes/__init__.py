"""Planes: the routing table as another proxy is to carry it out. Pure.

`plane` draws one neutral picture of it from settings and standings: an ordered list of rules, each with what a request must be and
what becomes of it. `automaton` makes of the rules one walk over a request's parts, for proxies that look things up in tables.
`stamp` says of which generation an exported file is. What a particular proxy makes of the picture is a plugin's (`strangler.dataplanes`).
"""
