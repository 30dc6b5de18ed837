"""Following: another proxy's configuration, kept to the standings, so that a switch of owners waits for that proxy too (invariant 5).

A process beside the proxy has a line in the table of facades. It writes the exported files anew for each generation (`folder`), lets the
proxy load them, and acknowledges the generation only when the proxy answers by it (`probe`) and none of its processes that
acted by an older one runs any more (`processes`). `follower` puts this together.

Its line lasts: a proxy goes on passing writes on when the process beside it is gone, so such a line never counts as gone either.
"""
