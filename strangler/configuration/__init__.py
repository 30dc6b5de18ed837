"""Loading `strangler.yaml`: from the file to `Settings`, or to every problem at once.

`document` reads YAML with line numbers and environment variables, `wording` says pydantic's errors in words for
people, `consistency` checks what several sections have to agree on. What comes out is complete: paths and SQLite URLs are
seen from the configuration file's folder, control store and event log have their defaults in the data directory, and code
maps hold what their files say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr, ValidationError

from strangler.configuration import code_maps, consistency, wording
from strangler.configuration.document import Document, read
from strangler.configuration.findings import Finding, dotted
from strangler.errors import ConfigurationError, Problem, StranglerError
from strangler.settings import Database, Facade, Function, Settings
from strangler.settings.access import Tls
from strangler.urls import anchored, sqlite_url

__all__ = ["load", "problems"]


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the file gives. `control` and `log.url` are never None afterwards.

    Raises ConfigurationError with every problem that was found, StranglerError when there is no such file.
    """
    settings, _ = load_with_lines(path, environment)
    return settings


def load_with_lines(path: Path, environment: Mapping[str, str] | None = None) -> tuple[Settings, Document]:
    """The settings together with the document, so that a later check can still name lines (`problems`)."""
    folder = path.resolve().parent
    document = read(_text(path), os.environ if environment is None else environment)
    if document.value is None:
        raise ConfigurationError(problems(path, document, document.findings))
    settings, findings = _validated(document)
    if settings is not None:
        findings.extend(consistency.check(settings))
        held, unread = code_maps.read(settings.code_maps, folder)
        findings.extend(unread)
        settings = settings.model_copy(update={"code_maps": held})
    told = {each.path for each in document.findings}
    findings = [*document.findings, *(each for each in findings if each.path not in told)]
    if findings or settings is None:
        raise ConfigurationError(problems(path, document, findings))
    return _completed(settings, folder), document


def problems(path: Path, document: Document, findings: Iterable[Finding]) -> list[Problem]:
    """Findings with file and line, in the order of the file, each once."""
    found = {
        Problem(str(path), each.line or document.line(each.path), dotted(each.path), each.what, each.instead)
        for each in findings
    }
    return sorted(found, key=lambda problem: (problem.line or 0, problem.path, problem.what))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StranglerError(
            f"there is no configuration at {path}",
            why="a command works on the file that --config or STRANGLER_CONFIG names",
            do="strangler init --source URL --tables … writes a first one; -c FILE names another",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        what = "the file isn't text in UTF-8"
        raise ConfigurationError([Problem(str(path), line, "", what, "save it as UTF-8")]) from None
    except OSError as error:
        raise StranglerError(
            f"the configuration {path} can't be read", why=error.strerror or str(error)
        ) from None


def _validated(document: Document) -> tuple[Settings | None, list[Finding]]:
    """The settings and what pydantic found. With findings the settings are what is left without the wrong keys, so that
    the checks across sections can still tell about the rest; None when too little is left."""
    try:
        return Settings.model_validate(document.value), []
    except ValidationError as error:
        findings = list(wording.findings(error, document))
        rest = wording.without_wrong_keys(error, document.value)
    try:
        return Settings.model_validate(rest), findings
    except ValidationError:
        return None, findings


def _completed(settings: Settings, folder: Path) -> Settings:
    """With defaults filled in and everything relative seen from `folder`."""
    data = (folder / settings.data_dir.expanduser()).resolve()

    def seen(url: SecretStr | None, file: str) -> SecretStr:
        return SecretStr(anchored(url.get_secret_value(), folder) if url else sqlite_url(data / file))

    control = seen(settings.control.url if settings.control else None, "control.db")
    sources = {
        name: source.model_copy(
            update={
                "url": seen(source.url, ""),
                "mirror": folder / source.mirror.expanduser()
                if source.mirror
                else data / f"{name}.mirror.db",
                "state": folder / source.state.expanduser() if source.state else data / f"{name}.state.db",
            }
        )
        for name, source in settings.sources.items()
    }
    stores = {
        name: store.model_copy(update={"url": seen(store.url, "")}) for name, store in settings.stores.items()
    }
    return settings.model_copy(
        update={
            "data_dir": data,
            "control": Database(url=control),
            "log": settings.log.model_copy(update={"url": seen(settings.log.url, "log.db")}),
            "sources": sources,
            "stores": stores,
            "quality": settings.quality.model_copy(
                update={"docs": folder / settings.quality.docs.expanduser()}
            ),
            "facade": settings.facade and _anchored(settings.facade, folder),
            "functions": {name: _seen(function, folder) for name, function in settings.functions.items()},
            "python": {
                name: call.model_copy(update={"folder": folder / (call.folder or Path()).expanduser()})
                for name, call in settings.python.items()
            },
        }
    )


def _anchored(facade: Facade, folder: Path) -> Facade:
    """The facade with its files seen from `folder`."""

    def secured(tls: Tls | None) -> Tls | None:
        files = ("certificate", "key")
        return tls and tls.model_copy(
            update={name: folder / getattr(tls, name).expanduser() for name in files}
        )

    identity, admin = facade.identity, facade.admin
    if identity is not None and identity.jwks_file is not None:
        identity = identity.model_copy(update={"jwks_file": folder / identity.jwks_file.expanduser()})
    if admin is not None:
        admin = admin.model_copy(update={"tls": secured(admin.tls)})
    return facade.model_copy(update={"tls": secured(facade.tls), "identity": identity, "admin": admin})


def _seen(function: Function, folder: Path) -> Function:
    """With its files seen from `folder`: those of its protocol, and of the way back."""
    protocol, back = function.protocol, function.return_
    if protocol is not None:
        protocol = protocol.model_copy(update={"folder": folder / protocol.folder.expanduser()})
    if back is not None and back.url is not None:
        back = back.model_copy(update={"url": SecretStr(anchored(back.url.get_secret_value(), folder))})
    if back is not None and back.api is not None and back.api.ca is not None:
        api = back.api.model_copy(update={"ca": folder / back.api.ca.expanduser()})
        back = back.model_copy(update={"api": api})
    return function.model_copy(update={"protocol": protocol, "return_": back})
