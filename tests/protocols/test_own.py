"""A class of the user's takes what the options don't speak of; whatever is wrong with it is said where the configuration is checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.configuration import load
from strangler.errors import ConfigurationError
from strangler.facade.protocol import Answer, Request
from strangler.facade.translations import translations
from strangler.testing.service_protocol import ask, problem, service_answer

MODULE = '''
from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import ServiceRequest, Trouble


class Totals:
    """Asks for each customer and adds up."""

    def __init__(self, path):
        self.path = path

    def translate(self, call):
        if call.operation != "totals":
            raise UntranslatableRequest(f"{call.operation} isn't for us")
        total = 0
        for number in call.values["params"]["numbers"]:
            answer = yield ServiceRequest("GET", f"{self.path}/{number}")
            if answer.status != 200:
                return Trouble(answer.status, f"no customer {number}", answer=answer)
            total += int(answer.body)
        return {"total": total}

    def keys(self, call):
        return call.values["params"]["numbers"]
'''
CONFIGURATION = """
sources: {erp: {kind: sqlite, url: "sqlite:///erp.db"}}
stores: {new: {url: "sqlite:///new.db"}}
facade: {legacy: "http://127.0.0.1:1"}
code_maps: {countries: {values: {D: DE}}}
functions:
  customer:
    source: erp
    store: new
    entities: {customer: {table: customer, key: id, fields: {id: id}}}
    protocol:
      kind: jsonrpc
      class: my_totals:Totals
      arguments: {path: /customers}
      options:
        dialect: standard
        operations:
          get: {ask: "GET /customers/{params.no}", answer: {country: country | map(countries)}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "my_totals.py").write_text(MODULE)
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    return tmp_path / "strangler.yaml"


def call(method: str, params: Any) -> Request:
    return Request("POST", "/", [], json.dumps({"id": 1, "method": method, "params": params}).encode())


def test_it_takes_what_the_options_dont_speak_of(path: Path) -> None:
    protocol = translations(load(path))["customer"]
    told = ask(
        protocol, call("totals", {"numbers": ["1", "2"]}), [Answer(200, [], b"3"), Answer(200, [], b"4")]
    )
    assert ([step.target for step in told.steps], json.loads(told.answer.body)["result"]) == (
        ["/customers/1", "/customers/2"],
        {"total": 7},
    )
    assert protocol.named(None, call("totals", {"numbers": ["1", "2"]})) == ("totals", ("1", "2"))
    told = ask(protocol, call("get", {"no": "1"}), [service_answer({"country": "DE"})])
    assert json.loads(told.answer.body)["result"] == {"country": "D"}


def test_its_trouble_is_a_fault_of_the_contract(path: Path) -> None:
    told = ask(
        translations(load(path))["customer"], call("totals", {"numbers": ["9"]}), [problem(404, "x")]
    ).answer
    assert json.loads(told.body)["error"]["message"] == "no customer 9"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("my_totals:Totals", "my_totals:Total", "has no 'Total'"),
        ("my_totals:Totals", "my_total:Totals", "there is no module 'my_total'"),
        ("my_totals:Totals", "json:JSONDecoder", "no class with a method `translate`"),
        ("{path: /customers}", "{way: /customers}", "can't be made"),
        ("map(countries)", "map(colours)", "there is no code map 'colours'"),
        ("dialect: standard", "dialect: sap", "dialect"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: Path, before: str, after: str, words: str) -> None:
    path.write_text(CONFIGURATION.replace(before, after))
    with pytest.raises(ConfigurationError) as error:
        translations(load(path))
    assert words in str(error.value)
    ran = CliRunner().invoke(root, ["--config", str(path), "config", "check", "--offline"])
    assert ran.exit_code != 0
    assert words in (ran.output + str(ran.exception))
