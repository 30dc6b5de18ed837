"""The facade's start: a signal that comes before it takes signals isn't lost."""

from __future__ import annotations

import threading
from pathlib import Path

from strangler.configuration import load
from strangler.control.store import Control
from strangler.facade.server import bind, serve
from tests.facade.test_process import CONFIGURATION


def test_told_to_stop_while_it_starts_it_stops(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION.format(legacy="http://127.0.0.1:9"))
    stop = threading.Event()
    stop.set()
    settings = load(path)
    serve(
        settings,
        lambda: Control.open(f"sqlite:///{tmp_path}/control.db"),
        stop=stop,
        bound=bind("127.0.0.1", 0),
    )
