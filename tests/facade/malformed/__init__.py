"""Malformed and ambiguous messages: what callers and upstreams may say wrongly, and what must become of it.

`cases.py` says what a case is; the tables of requests are in `framing.py`, `chunks.py`, `fields.py`, `lines.py`, `targets.py`, `hosts.py`
and `sequences.py`, that of upstreams' answers is in `answers.py`. Each case goes over a raw socket to a running facade, at once and byte
by byte. What an upstream got is read by parsers that forgive nothing and by ones that forgive much (`tests/facade/wire/readings.py`): all
must read the same.
"""
