"""Serving the console beside whatever else the process does: in a thread of its own, until the context ends."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator

import uvicorn

from strangler.console.api import application
from strangler.control.store import Control
from strangler.errors import Unavailable
from strangler.settings import Settings

logger = logging.getLogger("strangler.console")


@contextlib.contextmanager
def serving(settings: Settings, control: Control) -> Iterator[str]:
    """Serve the console; gives its URL. Raises Unavailable when the address is taken."""
    section = settings.console
    try:
        listener = socket.create_server((section.host, section.port))
    except OSError as error:
        raise Unavailable(
            f"the console can't listen on {section.host}:{section.port}",
            why=str(error),
            do="stop what listens there, or write another console.port",
        ) from error
    url = f"http://{section.host}:{listener.getsockname()[1]}"
    config = uvicorn.Config(application(settings, control), access_log=False, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console", daemon=True)
    thread.start()
    logger.info(f"the console is at {url}")
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10.0)
        listener.close()
