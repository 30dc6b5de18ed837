"""The admin API: how this facade stands, and what operators do to it, on a port that callers don't reach.

`inside` is what it knows of the facade, `gate` lets people in, `attempts` holds off who guesses, `api` answers, `server` serves it in the
facade's own event loop. FastAPI is imported when the port is opened, not before.
"""
