"""Wire: HTTP/1.1 on sockets, callers on one side and upstreams on the other. It knows bytes, framing and time, no functions.

Everything here is called back from the event loop and belongs to its thread. httptools reads; what it lets pass and could be read
in two ways is refused in `request` and `answer`.
"""
