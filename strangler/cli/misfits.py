"""Misfits: what the live legacy databases contradict in the configuration, told before a worker starts.

It is the moment at which somebody watches, and nothing has been created yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from strangler.cli.application import Application
from strangler.errors import ConfigurationError, StranglerError

if TYPE_CHECKING:
    from strangler.settings import Settings


def refuse_misfits(application: Application) -> None:
    """See that tables and mappings fit. Raises ConfigurationError with everything that doesn't.

    A source that doesn't answer isn't waited for here: the worker tries again. And once a function has moved, what
    fits must go on although something else doesn't: callers depend on it; then the log and `strangler status` tell.
    """
    from strangler import configuration
    from strangler.inspection import inspect

    findings = inspect(application.settings).findings
    if findings and not _under_way(application.settings):
        _, document = configuration.load_with_lines(application.path)
        raise ConfigurationError(configuration.problems(application.path, document, findings))


def _under_way(settings: Settings) -> bool:
    """Whether any function has ever moved; true also where that can't be told."""
    from strangler import assembly, urls
    from strangler.control import standings

    assert settings.control is not None
    url = settings.control.url.get_secret_value()
    if urls.kind(url) == "sqlite" and not Path(urls.sqlite_path(url)).exists():
        return False
    try:
        with assembly.control(settings) as control:
            return standings.generation(control) > 0
    except StranglerError:
        return True
