"""Writing: values as XML."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from lxml import etree

_XMLNS_PREFIX: Final = "n"


def element(namespace: str, name: str, value: Any, qualified: bool) -> etree._Element:
    """An element in the namespace with what a value says: children by name, `@attributes`, `#text`; a list repeats its name. `qualified`:
    the children are in the namespace too. Raises ValueError for what XML can't hold."""
    made = etree.Element(_tag(namespace, name), nsmap={_XMLNS_PREFIX: namespace} if namespace else None)
    _fill(made, value, namespace if qualified else "")
    return made


def _fill(made: etree._Element, value: Any, namespace: str) -> None:
    if not isinstance(value, dict):
        made.text = _text(value)
        return
    for name, each in value.items():
        if name == "#text":
            made.text = _text(each)
        elif name.startswith("@"):
            if each is not None:
                made.set(name[1:], _text(each) or "")
        else:
            for item in each if isinstance(each, list) else [] if each is None else [each]:
                _fill(etree.SubElement(made, _tag(namespace, name)), item, namespace)


def _tag(namespace: str, name: str) -> str:
    return f"{{{namespace}}}{name}" if namespace else name


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case str() | int():
            return str(value)
    raise ValueError(f"a {type(value).__name__} can't be text of an element")
