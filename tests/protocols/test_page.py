"""The examples of docs/protocols.md do what the page says."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from lxml import etree

from strangler.facade.protocol import Answer, Around, Request
from strangler.plugins import load, names
from strangler.testing.service_protocol import ask

PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


class Message(NamedTuple):
    first: str
    headers: list[tuple[str, str]]
    body: str


class Example(NamedTuple):
    options: dict[str, Any]
    asks: Message
    asked: Message
    answers: Message
    told: Message


def message(text: str) -> Message:
    head, _, body = text.partition("\n\n")
    first, *lines = head.strip().split("\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return Message(first, headers, body.strip())


def examples() -> dict[str, Example]:
    """By kind: the options, and the four messages behind them."""
    blocks = _BLOCK.findall(PAGE.read_text())
    found = {}
    for index, (kind, text) in enumerate(blocks):
        told = yaml.safe_load(text) if kind == "yaml" else {}
        if "kind" in told:
            assert [each[0] for each in blocks[index + 1 : index + 5]] == ["http"] * 4
            found[told["kind"]] = Example(
                told["options"], *(message(each[1]) for each in blocks[index + 1 : index + 5])
            )
    return found


def values(body: str) -> Any:
    """What a body says, however it is laid out."""
    if body.startswith("<"):
        root = etree.fromstring(body.encode(), etree.XMLParser(remove_blank_text=True))
        return etree.tostring(root, method="c14n")
    return json.loads(body, parse_float=Decimal) if body else None


def test_each_protocol_has_an_example() -> None:
    assert set(examples()) == set(names("protocols"))


@pytest.mark.parametrize("kind", ["rest", "jsonrpc", "soap", "odata", "form"])
def test_the_example_does_what_the_page_says(kind: str) -> None:
    example = examples()[kind]
    method, target = example.asks.first.split(" ")
    request = Request(method, target, example.asks.headers, example.asks.body.encode())
    answer = Answer(int(example.answers.first), [], example.answers.body.encode())
    asked = ask(load("protocols", kind)(example.options, Around()), request, [answer])
    [step] = asked.steps
    assert (f"{step.method} {step.target}", values(step.body.decode())) == (
        example.asked.first,
        values(example.asked.body),
    )
    assert (str(asked.answer.status), values(asked.answer.body.decode())) == (
        example.told.first,
        values(example.told.body),
    )
    assert set(example.told.headers) <= set(asked.answer.headers)
