"""What the configuration may say, for editors (JSON Schema) and for people (`docs/configuration.md`).

Both are made from the descriptions in `strangler.settings`, so that they can't disagree with it.
`python -m strangler.configuration.reference > docs/configuration.md` writes the page anew; a test holds it current.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import click
from pydantic.json_schema import GenerateJsonSchema

from strangler.configuration.wording import EXAMPLES
from strangler.durations import write_duration
from strangler.settings import Settings

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Schema(GenerateJsonSchema):
    """Durations as people write them, and no titles that only repeat the key."""

    def encode_default(self, dft: Any) -> Any:
        return write_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema of `strangler.yaml`."""
    made = Settings.model_json_schema(schema_generator=_Schema)
    return {"$schema": DRAFT, **made, "title": "strangler.yaml"}


def page() -> str:
    """The reference of every section and key, in Markdown."""
    return "\n".join(_page()) + "\n"


INTRODUCTION: Final = """\
# Configuration

One file, `strangler.yaml`, says everything. `strangler config check` names all that is wrong in it, each with file,
line, key path and what to write instead; with reachable sources it also checks tables and mappings against
the legacy databases as they are (`--offline` leaves that out). `strangler config schema` prints the JSON Schema for editors:

```yaml
# yaml-language-server: $schema=./strangler.schema.json
```

- `${NAME}` stands for an environment variable, `${NAME:-default}` for one that may be missing, `$${` for a literal `${`.
- Durations have a unit: `500ms`, `5s`, `2m`, `1h`, `7d`. Shares are written `5%` or `0.05`.
- Scalars follow YAML 1.2: only `true` and `false` are booleans; `no`, `12:30` and `2026-11-23` are texts.
- Relative paths and SQLite URLs are seen from the folder of the file.
- A key that isn't known and a key that stands twice are errors.
- The expressions of `fields` and `when` have [a page of their own](expressions.md).

This page is made from the settings themselves: `python -m strangler.configuration.reference > docs/configuration.md`.
"""


def _page() -> Iterator[str]:
    yield INTRODUCTION
    made = schema()
    yield from _section("The file", made, made["$defs"])
    for name in _in_order(made):
        yield from _section(name, made["$defs"][name], made["$defs"])


def _in_order(made: dict[str, Any]) -> list[str]:
    """The sections as a reader meets them, from the root down."""
    found: list[str] = []
    waiting = [made]
    while waiting:
        for name in _references(waiting.pop(0).get("properties", {})):
            if name not in found:
                found.append(name)
                waiting.append(made["$defs"][name])
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _section(name: str, part: dict[str, Any], sections: dict[str, Any]) -> Iterator[str]:
    yield f"## {name}\n"
    if name != "The file":
        yield " ".join(part.get("description", "").split()) + "\n"
    yield "| key | what it is | default |\n| --- | --- | --- |"
    for key, each in part["properties"].items():
        needed = key in part.get("required", [])
        linked = list(dict.fromkeys(_references(each)))
        meaning = each.get("description") or next((sections[ref]["description"] for ref in linked), "")
        meaning = " ".join(meaning.split()).replace("|", "\\|")
        links = "".join(f" See [{ref}](#{ref.lower()})." for ref in linked)
        yield f"| `{key}` | {meaning}{links} | {_default(name, key, each, needed)} |"
    yield ""


def _default(section: str, key: str, part: dict[str, Any], needed: bool) -> str:
    if needed:
        example = EXAMPLES.get(("Settings" if section == "The file" else section, key))
        return f"needed, e.g. `{example}`" if example else "needed"
    default = part.get("default")
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default)}`".replace('"', "")


if __name__ == "__main__":
    click.echo(page(), nl=False)
