"""What an API server of Kubernetes says of an object: its schema with defaults, and the rules in it (CEL) evaluated."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cel
import jsonschema

FOLDER = Path(__file__).parent / "gateway_api"


def faults(kind: str, given: Mapping[str, Any]) -> list[str]:
    """Why the object would be refused; nothing when it wouldn't."""
    schema = json.loads((FOLDER / f"{kind.lower()}.json").read_text())
    object_ = _defaulted(schema, copy.deepcopy(given))
    found = [f"{each.json_path}: {each.message}" for each in _validator(schema).iter_errors(object_)]
    return found + list(_unknown(schema, object_, "$")) + list(_against_rules(schema, object_, "$"))


def rules(schema: Any) -> Iterator[str]:
    """All rules in a schema."""
    if isinstance(schema, dict):
        yield from (rule["rule"] for rule in schema.get("x-kubernetes-validations", []))
        for each in schema.values():
            yield from rules(each)


def _validator(schema: Any) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def _defaulted(schema: Any, value: Any) -> Any:
    if isinstance(value, dict):
        for name, each in schema.get("properties", {}).items():
            if name not in value and "default" in each:
                value[name] = copy.deepcopy(each["default"])
            if name in value:
                value[name] = _defaulted(each, value[name])
    elif isinstance(value, list):
        return [_defaulted(schema.get("items", {}), each) for each in value]
    return value


def _unknown(schema: Any, value: Any, place: str) -> Iterator[str]:
    """Fields that the schema doesn't have: an API server drops them, or refuses them when it is asked to be strict."""
    for inner, each, where in _within(schema, value, place):
        if inner is None:
            yield f"{where}: unknown"
        else:
            yield from _unknown(inner, each, where)


def _against_rules(schema: Any, value: Any, place: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", []):
        if not cel.evaluate(rule["rule"], {"self": value}):
            yield f"{place}: {rule['message']}"
    for inner, each, where in _within(schema, value, place):
        if inner is not None:
            yield from _against_rules(inner, each, where)


def _within(schema: Any, value: Any, place: str) -> Iterator[tuple[Any, Any, str]]:
    if isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            yield schema["properties"].get(name), each, f"{place}.{name}"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield schema.get("items", {}), each, f"{place}[{number}]"
