"""Codes: LOOKUP, by which a code of the old system becomes what the new one says for it."""

from __future__ import annotations

from typing import Any, Final

from sqlglot import exp

from strangler.mapping.building import as_type
from strangler.mapping.code_maps import Codes, whole
from strangler.mapping.conversions import call, narrowed, shown_type
from strangler.mapping.nodes import Case, Coalesce, Literal, Lookup, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.names import nearest
from strangler.shapes import FieldType


def lookup(scope: Scope, this: exp.Anonymous) -> Node:
    given = this.expressions
    if not 2 <= len(given) <= 3:
        what = "LOOKUP takes a code map, a value, and what is given for a value that the map doesn't hold"
        raise Wrong(span_of(this), what, "LOOKUP(currency, code) or LOOKUP(currency, code, 'EUR')")
    code = _code(scope, given[1])
    codes = _codes(scope, given[0], code.type)
    if len(given) == 2:
        return _looked_up(codes, code)
    kind = shown_type(codes.type)
    default = as_type(
        scope.node(given[2]), codes.type, f"the code map {codes.name!r} gives {kind}, and so must its default"
    )
    return _with_default(codes, code, default)


def _code(scope: Scope, this: exp.Expr) -> Node:
    code = narrowed(scope.node(this))
    if code.type not in (FieldType.TEXT, FieldType.INTEGER):
        what = f"LOOKUP takes text or an integer; this is {shown_type(code.type)}"
        raise Wrong(span_of(this), what, "LOOKUP(…, CAST(… AS TEXT))")
    return code


def _codes(scope: Scope, this: exp.Expr, kind: FieldType) -> Codes:
    if not isinstance(this, exp.Column) or this.table:
        raise Wrong(span_of(this), "LOOKUP takes the name of a code map first", "a name of `code_maps`")
    name = this.name
    held = scope.code_maps.get(name)
    if held is None:
        instead = nearest(name, scope.code_maps) or f"code_maps: {{{name}: {{values: {{…}}}}}}"
        raise Wrong(span_of(this), f"there is no code map {name!r}", instead)
    if kind is FieldType.TEXT:
        return Codes(name, held)
    odd = next((code for code in held if whole(code) is None), None)
    if odd is not None:
        what = f"the code map {name!r} holds {odd!r}, which is no integer, and the value is one"
        raise Wrong(
            span_of(this), what, f"LOOKUP({name}, CAST(… AS TEXT)), with LPAD where codes have zeros in front"
        )
    return Codes(name, {whole(code): meaning for code, meaning in held.items()})


def _looked_up(codes: Codes, code: Node) -> Node:
    if not isinstance(code, Literal):
        return Lookup(codes, code, partial=False)
    if code.value is not None and code.value not in codes:
        raise Wrong(
            None, f"the code map {codes.name!r} doesn't hold {code.value!r}: no row could be translated"
        )
    return _constant(codes, code.value)


def _with_default(codes: Codes, code: Node, default: Node) -> Node:
    """NULL for NULL; the default is evaluated only where it is needed."""
    if isinstance(code, Literal):
        return _constant(codes, code.value) if code.value is None or code.value in codes else default
    found: Node = Lookup(codes, code, partial=True)
    if isinstance(default, Literal) and default.value is None:
        return found
    missing = call("is_null", code, gives=FieldType.BOOLEAN)
    return Case(((missing, Literal(None, codes.type)),), Coalesce((found, default), codes.type), codes.type)


def _constant(codes: Codes, code: Any) -> Literal:
    return Literal(codes.get(code), codes.type)


RULES: Final[Rules] = {"LOOKUP": lookup}
