"""Children: the lines of an aggregate, compiled twice over.

As rows of their own, joined to what they stand under and with its key before theirs: so they are filled and compared, like any entity.
And as lines of the aggregate, without what is the parent's: so they stand in its events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from strangler.changes import Operation
from strangler.mapping.conversions import call
from strangler.mapping.entity import Collection, mapped
from strangler.mapping.inverse import compile_inverse
from strangler.mapping.joining import Tables, child_origin, joined
from strangler.mapping.nodes import Node, renamed
from strangler.mapping.origin import PARENT
from strangler.mapping.plans import (
    check_sensitive,
    checked_fields,
    named,
    pruned,
    reversed_fields,
)
from strangler.mapping.problems import Problems
from strangler.mapping.rows import Named, Plan, compile_rows
from strangler.mapping.tolerances import check_tolerances
from strangler.sensitive import Column, Sensitive
from strangler.settings import Children, Entity, EntityField
from strangler.shapes import FieldType, Under

NO_KEY_TYPES: Final = (FieldType.FLOAT, FieldType.JSON)
"""Values of these types don't identify."""

_NO_RULES: Final[dict[Operation, tuple[()]]] = dict.fromkeys(Operation, ())

_UNNAMED: Final = dict.fromkeys(Operation, "")


class Parent(NamedTuple):
    """What children are compiled under: the parent's plan, its table in the store, and what all of an entity's parts share: `keys` are the
    columns that all their keys are made of."""

    function: str
    plan: Plan
    into: str
    others: Tables
    sensitive: Sensitive
    keys: frozenset[Column]


def compile_children(parent: Parent, name: str, section: Children, problems: Problems) -> Collection | None:
    """The children `name` under the parent; None where something is wrong with them, which is then noted."""
    found = problems.below(f"children.{name}")
    above = parent.plan
    table = replace(parent.others[section.table], removal=None, whole_removal="")
    origin = child_origin(above.origin, table, section.on, found)
    if not table.key:
        found.add(
            "table", f"{table.name} has no primary key, so its rows can't be told apart", "a table with one"
        )
    if origin is None:
        return None
    origin = joined(origin, section.join, parent.others, found)
    own = checked_fields(section.fields, origin.table, found)
    where = found.condition("where", section.where, origin.table) if section.where is not None else None
    _check_key(section, own, found)
    check_names(section, above.key, found)
    check_tolerances(section.tolerances, own, found)
    check_sensitive(section.fields, own, origin, parent.keys, found)
    reversed = reversed_fields(name, section.fields, own, table, found)
    sensitive = parent.sensitive.below(name)
    inner = Plan(
        entity=f"{above.entity}.{name}",
        origin=origin,
        key=tuple(section.key),
        fields=named(own),
        where=where,
        rules=_NO_RULES,
        default=_UNNAMED,
        sensitive=sensitive.columns,
    )
    over = tuple(Named(field.name, renamed(field.node, f"{PARENT}.")) for field in _key_fields(above))
    whole = replace(
        inner,
        key=(*above.key, *section.key),
        fields=(*over, *inner.fields),
        where=_both(above.where and renamed(above.where, f"{PARENT}."), where),
        cohort=above.cohort and above.cohort.of_parent(f"{PARENT}."),
    )
    into = section.into or f"{parent.into}_{name}"
    below = parent._replace(plan=whole, into=into, sensitive=sensitive)
    compiled = [compile_children(below, each, section.children[each], found) for each in section.children]
    children = tuple(child for child in compiled if child is not None)
    if any(own.get(name) is None for name in (*own, *section.key)) or len(over) < len(above.key):
        return None
    plans = [child.mapping.plan for child in children]
    whole, inner = pruned(whole, plans), pruned(inner, plans)
    fields = {**dict.fromkeys(above.key, EntityField(value="")), **section.fields}
    mapping = mapped(
        parent.function,
        into,
        whole,
        parent.others[section.table],
        children,
        sensitive.fields,
        compile_inverse(whole, fields, reversed),
        Under(parent.into, above.key),
        section.tolerances,
    )
    return Collection(name, mapping, inner, compile_rows(inner))


def _both(above: Node | None, own: Node | None) -> Node | None:
    """A line is one where its parent belongs, and it does itself."""
    if above is None or own is None:
        return above or own
    return call("and", above, own, gives=FieldType.BOOLEAN)


def _key_fields(plan: Plan) -> list[Named]:
    """Those of the key that hold, in its order."""
    by_name = {field.name: field for field in plan.fields}
    return [by_name[name] for name in plan.key if name in by_name]


def _check_key(section: Children, own: dict[str, Node | None], problems: Problems) -> None:
    for name in section.key:
        if name not in own:
            problems.add("key", f"the key field {name!r} isn't in `fields`", f"one of {', '.join(own)}")
        elif (node := own[name]) is not None and node.type in NO_KEY_TYPES:
            what = f"the key field {name!r} is {node.type.value}, which doesn't identify"
            problems.add("key", what, "a field of another type")
    if len(set(section.key)) != len(section.key):
        problems.add("key", "a field is named twice")


def check_names(section: Entity | Children, above: Iterable[str], problems: Problems) -> None:
    """In an event fields and children stand side by side, in a store's table the parent's key `above` and the fields."""
    for name in section.fields:
        if name in above:
            what = f"{name} is part of the key of what it stands under, and a line has that too"
            problems.add(f"fields.{name}", what, "another name")
    for name in section.children:
        if name in section.fields or name in above:
            problems.add(f"children.{name}", f"there is a field {name} too", "another name")
