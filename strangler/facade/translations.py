"""Translations: from `protocol:` of each function to the protocol that puts its calls to the new service. Here the user's classes are
imported and made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler import plugins
from strangler.configuration.findings import Finding, dotted
from strangler.errors import ConfigurationError, Problem, StranglerError
from strangler.facade.protocol import Around, OwnTranslation, ServiceProtocol
from strangler.own_modules import Unusable, find
from strangler.settings import Protocol, Settings


def translations(settings: Settings) -> dict[str, ServiceProtocol]:
    """The protocol of each function that has one. Raises ConfigurationError with everything that doesn't fit."""
    found, findings = read(settings)
    if findings:
        raise ConfigurationError(
            [Problem("configuration", None, dotted(each.path), each.what, each.instead) for each in findings]
        )
    return found


def read(settings: Settings) -> tuple[dict[str, ServiceProtocol], list[Finding]]:
    """The protocols by function, and what is wrong with those that can't be had."""
    held = {name: code_map.held for name, code_map in settings.code_maps.items() if code_map.held}
    found: dict[str, ServiceProtocol] = {}
    findings: list[Finding] = []
    for name, function in settings.functions.items():
        if function.protocol is None:
            continue
        try:
            found[name] = _opened(function.protocol, held)
        except Unusable as error:
            findings.append(Finding(("functions", name, "protocol", "class"), str(error), error.instead))
        except StranglerError as error:
            what = f"{error.what}: {error.why}" if error.why else error.what
            findings.append(Finding(("functions", name, "protocol", "options"), what, error.do))
    return found, findings


def _opened(section: Protocol, code_maps: Mapping[str, Mapping[str, str | int]]) -> ServiceProtocol:
    """Raises StranglerError, and Unusable for the user's class."""
    own = None if section.class_ is None else _made(section.class_, section)
    protocol: ServiceProtocol = plugins.load("protocols", section.kind)(
        section.options, Around(code_maps, own, section.folder)
    )
    return protocol


def _made(call: str, section: Protocol) -> OwnTranslation:
    """The user's class, made. Raises Unusable."""
    found = find(call, section.folder, "class {}")
    if not isinstance(found.value, type) or not callable(getattr(found.value, "translate", None)):
        raise Unusable(
            f"{call} is no class with a method `translate`", "class with def translate(self, call)"
        )
    try:
        made: Any = found.value(**section.arguments)
    except Exception as error:
        raise Unusable(
            f"{call} can't be made: {type(error).__name__}: {error}", "arguments: as its __init__ takes them"
        ) from error
    own: OwnTranslation = made
    return own
