"""The facade: the HTTP front that callers use. It asks routing which side answers and passes the call on.

The user's path comes first: nothing here waits for the control store, for shadow traffic or for a log line.
"""
