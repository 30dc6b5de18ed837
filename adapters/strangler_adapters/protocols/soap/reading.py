"""Reading: XML that came from outside, as values.

Before libxml2 sees a document, expat has read it to its end and met no document type declaration: so no entity is ever defined, let alone
fetched or multiplied, and the two agree that it is well-formed. It is the same scanner by which calls are routed.
"""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

from strangler.errors import UntranslatableRequest
from strangler.facade.peek import scanner

TEXT_LIMIT: Final = 1024 * 1024
"""Longest text of one element, in characters."""

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_XOP: Final = "{http://www.w3.org/2004/08/xop/include}Include"
_NIL: Final = f"{{{XSI}}}nil"
_REF: Final = "{http://www.w3.org/2003/05/soap-encoding}ref"
_HIDDEN: Final = (f"{{{XSI}}}", "{http://schemas.xmlsoap.org/soap/", "{http://www.w3.org/2003/05/soap-")


def parsed(body: bytes) -> etree._Element:
    """The root of a document. Raises UntranslatableRequest for what is none, or an attack."""
    watched = scanner("xml", frozenset())
    watched.whole(body)
    if watched.broken:
        raise UntranslatableRequest(
            "the body is no XML that is taken",
            why="a document type declaration (DOCTYPE), nesting of more than 1000 elements and what isn't well-formed are refused",
        )
    # Comments and instructions go, so that a text is one text whatever stands inside of it.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UntranslatableRequest("the body is no XML that is taken", why=str(error)) from error


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def values(element: etree._Element) -> Any:
    """What an element holds: text, None where it is nil, or its children and `@attributes` by local name; several of a name are a list.
    Raises UntranslatableRequest for what isn't literal: attachments, references, text between elements."""
    if element.tag == _XOP:
        raise UntranslatableRequest("an attachment (MTOM) can't be put to the new service")
    found = _attributes(element)
    if element.get(_NIL) in ("true", "1"):
        return found or None
    text = element.text or ""
    if len(text) > TEXT_LIMIT:
        raise UntranslatableRequest(f"the text of {local(element)} has more than {TEXT_LIMIT} characters")
    if not len(element):
        return {**found, "#text": text} if found else text
    for child in element:
        if text.strip() or (child.tail or "").strip():
            raise UntranslatableRequest(f"{local(element)} has text between its elements")
        _add(found, local(child), values(child))
    return found


def _attributes(element: etree._Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in element.attrib.items():
        if name == _REF or (name == "href" and str(value).startswith("#")):
            raise UntranslatableRequest(
                "a message whose parts refer to each other (rpc/encoded) can't be put to the new service"
            )
        if not str(name).startswith(_HIDDEN):
            found[f"@{etree.QName(name).localname}"] = str(value)
    return found


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    if name not in found:
        found[name] = value
    elif isinstance(found[name], list):
        found[name].append(value)
    else:
        found[name] = [found[name], value]
