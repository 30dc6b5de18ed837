"""A process that returns what the service writes until it is killed: `python -m tests.returning.killed HOME LEGACY STORE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.returning.orders import Orders

if __name__ == "__main__":
    orders = Orders(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    with orders.feed() as feed:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            if not feed.step():
                time.sleep(0.005)
