"""Tryton's contract for what the three services keep: their documents by Tryton's names, its commands on lists, its stamps of records.

A model of Tryton's is a document of a service, or a part of one: `party.address` is the part `addresses` of `/parties`. What a
service doesn't have is refused, so that legacy answers it where it can.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, LegacyCall, ServiceRequest, Steps, Trouble

Values = dict[str, Any]

STAMP: Final = "_timestamp"
JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))
BUTTONS: Final = ("quote", "confirm", "cancel", "draft")
FAULTS: Final = {409: "UserError", 412: "ConcurrencyException"}


@dataclass(frozen=True)
class Kind:
    """How a value is written: to Tryton's callers, and to the service."""

    told: Callable[[Any], Any]
    taken: Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


def _date(told: Any) -> Values:
    day = date.fromisoformat(told)
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def _moment(told: Any) -> Values:
    at = datetime.fromisoformat(told)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{part: getattr(at, part) for part in parts}}


PLAIN: Final = Kind(_as_it_is, _as_it_is)
DECIMAL: Final = Kind(
    lambda told: {"__class__": "Decimal", "decimal": told}, lambda given: str(given["decimal"])
)
DATE: Final = Kind(_date, lambda given: date(given["year"], given["month"], given["day"]).isoformat())
MOMENT: Final = Kind(_moment, _as_it_is)
NUMBER: Final = Kind(_as_it_is, float)


@dataclass(frozen=True)
class Field:
    """A field of a document. `of`: its name there, dotted for one within an object."""

    of: str
    kind: Kind = PLAIN

    def told(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        value: Any = item
        for step in self.of.split("."):
            value = value[step]
        return None if value is None else self.kind.told(value)

    def taken(self, given: Any, context: Mapping[str, Any]) -> Values:
        return {self.of: None if given is None else self.kind.taken(given)}


@dataclass(frozen=True)
class Nothing:
    """A field that the service doesn't have, and that nobody fills: it is empty for everybody."""

    empty: tuple[()] | None = None

    def told(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        return self.empty

    def taken(self, given: Any, context: Mapping[str, Any]) -> Values:
        if given not in (None, "", []):
            raise UntranslatableRequest(f"the new service has no place for {given!r}")
        return {}


@dataclass(frozen=True)
class Elsewhere:
    """A field that follows from others, or that another function keeps: callers send what they were shown of it along with a record.
    It isn't taken, and isn't told here."""

    def told(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        raise UntranslatableRequest("another function has this field")

    def taken(self, given: Any, context: Mapping[str, Any]) -> Values:
        return {}


@dataclass(frozen=True)
class OfCompany:
    """A value that each company has its own of: one of the rows of a part, by the company that the call is made for."""

    part: str
    of: str
    kind: Kind = PLAIN

    def told(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        for row in item[self.part]:
            if row["company"] == context.get("company") and row[self.of] is not None:
                return self.kind.told(row[self.of])
        return None

    def taken(self, given: Any, context: Mapping[str, Any]) -> Values:
        value = None if given is None else self.kind.taken(given)
        return {self.part: {"of_company": {"company": context.get("company"), self.of: value}}}


@dataclass(frozen=True)
class Lines:
    """The records of another model that are a part of the document; `key` tells them apart."""

    part: str
    key: str
    model: str

    def told(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        return [row[self.key] for row in item[self.part]]

    def taken(self, given: Any, context: Mapping[str, Any]) -> Values:
        asked: dict[str, list[Any]] = {"create": [], "change": [], "remove": [], "keep": []}
        model = MODELS[self.model]
        for command, *arguments in given or ():
            match command, arguments:
                case "create", [list(records)]:
                    asked["create"] += [model.taken(values, context) for values in records]
                case "write", [*pairs]:
                    for ids, values in zip(pairs[::2], pairs[1::2], strict=True):
                        asked["change"] += [{self.key: id, **model.taken(values, context)} for id in ids]
                case "delete", [list(ids)]:
                    asked["remove"] += ids
                case "add", [list(ids)]:
                    asked["keep"] += ids
                case _:
                    raise UntranslatableRequest(f"{command} of {self.part} can't be put to the new service")
        return {self.part: asked}


@dataclass(frozen=True)
class Links:
    """Records elsewhere that a part of the document names, each by `of`."""

    part: str
    of: str

    def told(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
        return [row[self.of] for row in item[self.part]]

    def taken(self, given: Any, context: Mapping[str, Any]) -> Values:
        links: dict[str, list[Any]] = {"link": [], "unlink": []}
        for command, *arguments in given or ():
            match command, arguments:
                case (("add" | "remove"), [list(ids)]):
                    links["link" if command == "add" else "unlink"] += [{self.of: id} for id in ids]
                case _:
                    raise UntranslatableRequest(f"{command} of {self.part} can't be put to the new service")
        return {self.part: links}


Contracted = Field | Nothing | Elsewhere | OfCompany | Lines | Links


@dataclass(frozen=True)
class Model:
    """A model of Tryton's: where the service has it, its key there, and its fields. `part` is empty for a document.

    `by_company`: its records are a company's own, and nothing to those who work for another one.
    """

    path: str
    key: str
    fields: Mapping[str, Contracted]
    part: str = ""
    buttons: tuple[str, ...] = ()
    by_company: bool = False
    has_active: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_active", "active" in self.fields)

    @property
    def target(self) -> str:
        return f"{self.path}/{self.part}" if self.part else self.path

    def taken(self, values: Mapping[str, Any], context: Mapping[str, Any]) -> Values:
        """What callers give, as the service takes it."""
        found: Values = {}
        for name, given in values.items():
            if name not in self.fields:
                raise _unknown([name])
            found |= self.fields[name].taken(given, context)
        return found

    def told(self, item: Mapping[str, Any], names: list[str], context: Mapping[str, Any]) -> Values:
        """A record as callers know it, with its id."""
        record = {name: self.fields[name].told(item, context) for name in names if name not in ("id", STAMP)}
        if STAMP in names:
            record[STAMP] = _stamp(item)
        return {"id": item[self.key], **record}

    def within(self, context: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Which values a record must have to be the caller's business."""
        return (
            {"company": list(context.get("companies") or [context.get("company")])} if self.by_company else {}
        )

    def is_of(self, item: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        return all(item[name] in values for name, values in self.within(context).items())

    def known(self, names: Any) -> list[str]:
        """These fields. Raises UntranslatableRequest when one of them isn't the service's."""
        told = {"id", STAMP} | {name for name, each in self.fields.items() if not isinstance(each, Elsewhere)}
        if unknown := [name for name in names if name not in told]:
            raise _unknown(unknown)
        return list(names)


class Contract:
    """The models of one function; an `OwnTranslation`."""

    def __init__(self, function: str) -> None:
        self._models = {name: MODELS[name] for name in FUNCTIONS[function]}

    def translate(self, call: LegacyCall) -> Steps:
        model, method = self._model(call)
        context: Mapping[str, Any] = call.mark.context
        match method, call.values["params"]:
            case "read", [list(ids), list(names)]:
                return (yield from _read(model, ids, model.known(names), context))
            case "search_read", [list(domain), *window] if len(window) == 4:
                names = model.known(window[3])
                found = yield from _found(model, domain, window[:3], context)
                return [model.told(item, names, context) for item in found["items"]]
            case "search", [list(domain), *window]:
                found = yield from _found(model, domain, window, context)
                return [item[model.key] for item in found["items"]]
            case "search_count", [list(domain), *_]:
                return (yield from _found(model, domain, [0, 1], context))["total"]
            case "create", [list(records)]:
                items = [model.taken(values, context) for values in records]
                made = yield from self._done("POST", model, model.target, {"items": items}, context)
                return made if isinstance(made, Trouble) else [item[model.key] for item in made["items"]]
            case "write", [*pairs]:
                changes = list(_changes(model, pairs, context))
                done = yield from self._done("PATCH", model, model.target, {"changes": changes}, context)
                return _nothing(done)
            case "delete", [list(ids)]:
                return _nothing((yield from self._done("DELETE", model, model.target, {"ids": ids}, context)))
            case button, [list(ids)] if button in model.buttons:
                target = f"{model.path}/{button}"
                return _nothing((yield from self._done("POST", model, target, {"ids": ids}, context)))
        raise UntranslatableRequest(f"{call.operation} with these arguments can't be put to the new service")

    def keys(self, call: LegacyCall) -> tuple[str, ...]:
        """The documents that a call names."""
        model, method = self._model(call)
        ids = call.values["params"][0] if method in ("read", "write", "delete", *BUTTONS) else []
        return () if model.part else tuple(str(id) for id in ids)

    def comparable(self, call: LegacyCall, told: Any) -> Any:
        """Neither side promises an order of records, nor of the members of a list; 13.75 and 13.7500 are the same."""
        result = told.get("result")
        if isinstance(result, list) and call.operation.endswith(("read", "search")):
            return {"result": sorted((_in_order(each) for each in result), key=repr)}
        return told

    def _model(self, call: LegacyCall) -> tuple[Model, str]:
        name, _, method = call.operation.removeprefix("model.").rpartition(".")
        if name not in self._models:
            raise UntranslatableRequest(f"{name} isn't the new service's")
        return self._models[name], method

    def _done(
        self, method: str, model: Model, target: str, what: Values, context: Mapping[str, Any]
    ) -> Steps:
        """What the service says to a write, for which it is told what the caller has seen, and whose it may be."""
        body = {**what, "stamps": self._stamps(model, context), "within": model.within(context)}
        return (yield from _asked(method, target, body))

    def _stamps(self, model: Model, context: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """What the caller has seen last of each record, by part and key: who has seen an older one mustn't write."""
        found: dict[str, dict[str, str]] = {}
        for record, stamp in (context.get(STAMP) or {}).items():
            name, _, id = record.partition(",")
            if stamp is not None and name in self._models and self._models[name].path == model.path:
                found.setdefault(self._models[name].part, {})[id] = stamp
        return found


def _read(model: Model, ids: list[Any], names: list[str], context: Mapping[str, Any]) -> Steps:
    if not ids:
        return []
    wanted = ",".join(str(int(id)) for id in ids)
    found = yield from _asked("GET", f"{model.target}?ids={wanted}")
    if isinstance(found, Trouble):
        return found
    items = {item[model.key]: item for item in found["items"] if model.is_of(item, context)}
    if missing := [str(id) for id in ids if id not in items]:
        return Trouble(
            404, "You are trying to read records that don't exist.", f"ids: {', '.join(missing)}", "UserError"
        )
    return [model.told(items[id], names, context) for id in ids]


def _found(model: Model, domain: list[Any], window: list[Any], context: Mapping[str, Any]) -> Steps:
    offset, limit, order = [*window, None, None, None][:3]
    conditions = [_condition(model, clause) for clause in domain]
    if (
        model.has_active
        and context.get("active_test", True)
        and all(each[0] != "active" for each in conditions)
    ):
        conditions.append(["active", "in", [True]])
    conditions += [[name, "in", values] for name, values in model.within(context).items()]
    query = {
        "where": conditions,
        "order": [
            [_column(model, name), direction.split()[0].upper() == "DESC"] for name, direction in order or ()
        ],
        "offset": offset or 0,
        "limit": limit,
    }
    found = yield from _asked("GET", f"{model.target}?query={quote(json.dumps(query, default=_plain))}")
    if isinstance(found, Trouble):
        raise UntranslatableRequest(found.title)
    return found


def _condition(model: Model, clause: Any) -> list[Any]:
    match clause:
        case [str(name), ("=" | "in" | "ilike" | "!=" | "<" | ">=") as operator, value]:
            found = model.fields.get(name)
            kind = found.kind if isinstance(found, Field) else PLAIN
            listed = value if operator == "in" else [value]
            taken = [None if each is None else kind.taken(each) for each in listed]
            return [_column(model, name), "in" if operator == "=" else operator, taken]
    raise UntranslatableRequest(f"the condition {clause!r} can't be put to the new service")


def _column(model: Model, name: str) -> str:
    if name == "id":
        return model.key
    match model.fields.get(name):
        case Field(of) if "." not in of:
            return of
    raise _unknown([name])


def _changes(model: Model, pairs: list[Any], context: Mapping[str, Any]) -> Iterator[Values]:
    for ids, values in zip(pairs[::2], pairs[1::2], strict=True):
        for id in ids:
            yield {model.key: id, **model.taken(values, context)}


def _asked(method: str, target: str, body: Any = None) -> Steps:
    """What the service answers, or what it didn't do in Tryton's words."""
    sent = b"" if body is None else json.dumps(body, default=_plain).encode()
    answer: Answer = yield ServiceRequest(method, target, JSON, sent)
    if not 200 <= answer.status < 300:
        return _trouble(answer)
    return json.loads(answer.body) if answer.body else {}


def _trouble(answer: Answer) -> Trouble:
    try:
        said = json.loads(answer.body)
        title, detail = str(said.get("title", "")), str(said.get("detail", ""))
    except (ValueError, AttributeError):
        title, detail = f"HTTP {answer.status}", ""
    return Trouble(answer.status, detail or title, "", FAULTS.get(answer.status, "UserError"), answer=answer)


def _nothing(answered: Any) -> Any:
    return answered if isinstance(answered, Trouble) else None


def _stamp(item: Mapping[str, Any]) -> str:
    """When the record was last written, in the way in which Tryton says it."""
    at = datetime.fromisoformat(item["changed_at"] or item["created_at"]).replace(tzinfo=UTC)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return f"{since.days * 86_400 + since.seconds}.{since.microseconds:06}"


def _in_order(record: Any) -> Any:
    match record:
        case {"__class__": "Decimal", "decimal": str(digits)}:
            return Decimal(digits)
        case dict():
            return {name: _in_order(value) for name, value in record.items()}
        case list():
            return sorted(record, key=repr)
    return record


def _unknown(names: list[str]) -> UntranslatableRequest:
    return UntranslatableRequest(f"the new service has no {', '.join(map(str, names))}")


def _plain(value: Any) -> Any:
    return float(value)  # of the protocol's Decimal: Tryton sends money as text and quantities as numbers


def _elsewhere(*names: str) -> dict[str, Contracted]:
    return dict.fromkeys(names, Elsewhere())


_WRITTEN: Final[dict[str, Contracted]] = {
    "create_uid": Field("created_by"),
    "create_date": Field("created_at", MOMENT),
    "write_uid": Field("changed_by"),
    "write_date": Field("changed_at", MOMENT),
}

MODELS: Final[dict[str, Model]] = {
    "party.party": Model("/parties", "party_id", {
        "active": Field("active"), "code": Field("code"), "code_alnum": Field("code_text"),
        "code_digit": Field("code_number"), "name": Field("name"), "replaced_by": Field("replaced_by"),
        "addresses": Lines("addresses", "address_id", "party.address"),
        "contact_mechanisms": Lines("contacts", "contact_id", "party.contact_mechanism"),
        "full_name": Field("name"), **_WRITTEN,
        **_elsewhere(
            "customer_location", "customer_payment_term", "customer_tax_rule", "lang", "supplier_location",
            "supplier_payment_term", "supplier_tax_rule",
        ),
    }),
    "party.address": Model("/parties", "address_id", {
        "active": Field("active"), "attn": Field("attention"), "city": Field("city"), "country": Field("country"),
        "delivery": Field("for_deliveries"), "invoice": Field("for_invoices"), "party": Field("party_id"),
        "party_name": Field("addressee"), "postal_code": Field("postal_code"), "sequence": Field("position"),
        "street_unstructured": Field("street"), **_elsewhere("street", "street_single_line"), "subdivision": Field("subdivision"),
        **dict.fromkeys(
            ("building_name", "building_number", "floor_number", "post_box", "post_office", "private_bag", "room_number",
             "street_name", "unit_number"), Nothing(),
        ), **_WRITTEN,
    }, "addresses"),
    "party.contact_mechanism": Model("/parties", "contact_id", {
        "active": Field("active"), "address": Field("address_id"), "comment": Field("comment"),
        "delivery": Field("for_deliveries"), "invoice": Field("for_invoices"), "name": Field("label"),
        "party": Field("party_id"), "sequence": Field("position"), "type": Field("kind"), "value": Field("value"),
        "value_compact": Field("compact"), **_WRITTEN,
        **_elsewhere("email", "language", "other_value", "sip", "skype", "url", "website"),
    }, "contacts"),
    "product.template": Model("/templates", "template_id", {
        "account_category": Field("accounting"), "active": Field("active"), "code": Field("code"),
        "consumable": Field("consumable"), "default_uom": Field("unit"), "name": Field("name"),
        "salable": Field("salable"), "sale_uom": Field("sales_unit"), "type": Field("kind"),
        "list_price": OfCompany("prices", "price", DECIMAL), **_elsewhere("cost_price", "cost_price_method", "lead_time"),
        "products": Lines("products", "product_id", "product.product"), **_WRITTEN,
    }),
    "product.product": Model("/templates", "product_id", {
        "active": Field("active"), "code": Field("code"), "description": Field("description"),
        "position": Field("position"), "replaced_by": Field("replaced_by"), "suffix_code": Field("suffix"),
        **_elsewhere("cost_price", "cost_price_method", "lead_time", "salable"),
        "template": Field("template_id"), **_WRITTEN,
    }, "products"),
    "sale.sale": Model("/sales", "sale_id", {
        "comment": Field("comment"), "company": Field("company"), "confirmed_by": Field("confirmed_by"),
        "contact": Field("contact"), "currency": Field("currency"), "description": Field("description"),
        "invoice_address": Field("billed_address_id"), "invoice_method": Field("invoiced_by"),
        "invoice_party": Field("billed_party_id"), "invoice_state": Field("invoicing"), "number": Field("number"),
        "party": Field("party_id"), "payment_term": Field("payment_term"), "quotation_date": Field("quoted_on", DATE),
        "quotation_validity": Nothing(), "quoted_by": Field("quoted_by"), "reference": Field("reference"),
        "sale_date": Field("sold_on", DATE), "shipment_address": Field("shipped_address_id"),
        "shipment_method": Field("shipped_by"), "shipment_party": Field("shipped_party_id"),
        "shipment_state": Field("shipping"), "shipping_date": Field("shipping_on", DATE), "state": Field("state"),
        "tax_amount_cache": Field("tax_total", DECIMAL), "to_invoice": Field("to_invoice"), "to_ship": Field("to_ship"),
        "total_amount_cache": Field("total", DECIMAL), "untaxed_amount_cache": Field("untaxed_total", DECIMAL),
        "warehouse": Field("warehouse"), "untaxed_amount": Field("amounts.untaxed", DECIMAL),
        "tax_amount": Field("amounts.tax", DECIMAL), "total_amount": Field("amounts.total", DECIMAL),
        "party_lang": Nothing(), "lines": Lines("lines", "line_id", "sale.line"), **_WRITTEN,
    }, buttons=BUTTONS, by_company=True),
    "sale.line": Model("/sales", "line_id", {
        "actual_quantity": Field("actual_quantity", NUMBER), "description": Field("description"), "note": Field("note"),
        "product": Field("product_id"), "quantity": Field("quantity", NUMBER),
        "quantity_to_invoice": Field("quantity_to_invoice", NUMBER),
        "quantity_to_ship": Field("quantity_to_ship", NUMBER), "sale": Field("sale_id"), "sequence": Field("position"),
        "type": Field("kind"), "unit": Field("unit"), "unit_price": Field("unit_price", DECIMAL),
        "amount": Field("amount", DECIMAL), "company": Field("company"), "moves": Nothing(()), "shipping_date": Nothing(),
        "taxes": Links("taxes", "tax_id"), **_WRITTEN,
    }, "lines", by_company=True),
}  # fmt: skip

FUNCTIONS: Final = {
    "party": ("party.party", "party.address", "party.contact_mechanism"),
    "product": ("product.template", "product.product"),
    "sale": ("sale.sale", "sale.line"),
}
