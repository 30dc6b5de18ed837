"""The wire: a running facade as it is seen from outside, byte by byte, by raw callers before it and raw upstreams behind it."""
