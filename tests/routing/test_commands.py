"""`strangler route`: what it says of a request, and of a log."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import pins, standings
from strangler.control.pins import Pin
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage, at_the_start
from tests.routing.tables import standing

CONFIGURATION = """\
sources: {erp: {kind: sqlite, url: "sqlite:///legacy.db"}}
stores: {new: {url: "sqlite:///new.db"}}
control: {url: "sqlite:///control.db"}
facade: {legacy: "http://127.0.0.1:8000"}
functions:
  party:
    source: erp
    store: new
    service: {url: http://127.0.0.1:9001}
    entities: {party: {table: party, key: id, fields: {id: id}}}
    routes:
      - {match: {path: "/parties/{id}", method: GET}, kind: read}
      - {match: {path: "/parties/{id}", method: PUT}, kind: write}
      - {match: {path: /rpc, json: {method: party.read}}, kind: read}
  sale:
    source: erp
    store: new
    service: {url: http://127.0.0.1:9002}
    entities: {sale: {table: sale, key: id, fields: {id: id}}}
    routes:
      - {match: {path: /sales, query: {action: add}}, kind: write}
      - {match: {path: /rpc, json: {method: sale.write}}, kind: write}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration, with `party` live and `sale` half in canary."""
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        standings.change(control, at_the_start("party"), standing("party", Stage.LIVE), at=1.0)
        standings.change(control, at_the_start("sale"), standing("sale", Stage.CANARY, weight=5000), at=1.0)
    return path


def route(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["-c", str(config), "route", *arguments])


def told(config: Path, *arguments: str) -> dict[str, Any]:
    result = route(config, "explain", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def test_a_request_is_explained_with_what_was_passed_over(config: Path) -> None:
    found = told(config, "PUT /parties/7")
    assert (found["function"], found["route"], found["kind"], found["side"]) == (
        "party",
        "functions.party.routes[1]",
        "write",
        "new",
    )
    assert found["why"] == "new owns it"
    assert found["passed_over"] == [
        {"route": "functions.party.routes[0]", "path": "/parties/{id}", "why": "the method is PUT, not GET"}
    ]
    words = route(config, "explain", "PUT /parties/7").output
    assert "functions.party.routes[1]  /parties/{id}" in words
    assert "the method is PUT, not GET" in words


def test_a_body_is_looked_into(config: Path, tmp_path: Path) -> None:
    (tmp_path / "call.json").write_text('{"method": "sale.write"}')
    found = told(config, "POST /rpc", "--data", f"@{tmp_path}/call.json")
    assert (found["function"], found["kind"], found["side"]) == ("sale", "write", "legacy")
    assert found["passed_over"][0]["why"] == "method in the JSON body is sale.write, not party.read"
    hidden = told(config, "POST /rpc", "-H", "Content-Type: application/json", "--data", "no json")
    assert hidden["status"] == 422
    assert "party" in hidden["why"]


def test_no_body_given_is_no_empty_body(config: Path) -> None:
    assert told(config, "POST /rpc")["status"] == 422
    assert told(config, "POST /rpc", "--data", "")["status"] is None


def test_the_caller_decides_where_it_goes_by_weight(config: Path) -> None:
    config.write_text(
        CONFIGURATION.replace("/sales, query: {action: add}}, kind: write", "/sales}, kind: read")
    )
    sides = {told(config, "GET /sales", "--caller", f"caller {n}")["side"] for n in range(20)}
    assert sides == {"legacy", "new"}
    one = told(config, "GET /sales", "-H", "Authorization: abc")
    assert one == told(config, "GET /sales", "--caller", "abc")
    assert "bucket" in one["why"]


def test_what_the_facade_refuses_is_said(config: Path) -> None:
    result = route(config, "explain", "GET /parties/../x")
    assert result.exit_code == 2
    assert "400" in result.output
    assert "dot segments" in result.output
    twice = route(config, "explain", "POST /rpc", "-d", '{"method": "a", "method": "party.read"}')
    assert (twice.exit_code, "twice" in twice.output) == (2, True)


def test_cohort_and_document_are_explained_from_what_is_recorded(config: Path, tmp_path: Path) -> None:
    more = """    cohorts: {from: [{header: X-Company}], of: {party: {everyone: no company owns one}}}
    documents: {key: [{path: id}], created: {json: id}}
    routes:
      - {match: {path: "/parties/{id}", method: GET}"""
    config.write_text(
        CONFIGURATION.replace('    routes:\n      - {match: {path: "/parties/{id}", method: GET}', more, 1)
    )
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        pins.add(control, [Pin("party", "7", Side.LEGACY, 9e9)], now=1.0)
        before = standings.of(control, "party", "DE01")
        standings.change(control, before, standing("party", Stage.SYNCING, "DE01"), at=1.0)
    home = told(config, "PUT /parties/7", "-H", "X-Company: FR01")
    assert (home["side"], home["cohort"], home["key"]) == ("legacy", "FR01", "7")
    assert "begun in legacy" in home["why"]
    assert told(config, "PUT /parties/8", "-H", "X-Company: FR01")["side"] == "new"
    assert told(config, "PUT /parties/8", "-H", "X-Company: DE01")["side"] == "legacy"
    assert told(config, "PUT /parties/8")["status"] == 422
    words = route(config, "explain", "PUT /parties/7", "-H", "X-Company: FR01").output
    assert "cohort:    FR01" in words


OWN = [
    {
        "method": "GET",
        "path": "/parties/1",
        "function": "party",
        "kind": "read",
        "side": "new",
        "status": 200,
    },
    {
        "method": "GET",
        "path": "/parties/2",
        "function": "party",
        "kind": "read",
        "side": "legacy",
        "status": 200,
    },
    {"method": "GET", "path": "/other", "function": "-", "kind": None, "side": "legacy", "status": 200},
    {
        "method": "PUT",
        "path": "/parties/3",
        "function": "person",
        "kind": "write",
        "side": "new",
        "status": 200,
    },
    {"method": "POST", "path": "/rpc", "function": "party", "kind": "read", "side": "new", "status": 200},
    {"method": "GET", "path": "/sales", "function": "-", "kind": None, "side": "legacy", "status": 200},
    {"method": "GET", "path": "/a/../b", "function": "-", "kind": None, "side": None, "status": 400},
]


def write_log(path: Path, lines: list[dict[str, Any]]) -> Path:
    other = {"logger": "strangler.access", "level": "warning", "message": "3 lines were dropped"}
    logged = [{"logger": "strangler.access", **line} for line in lines]
    path.write_text("\n".join(json.dumps(line) for line in [*logged, other]) + "\n")
    return path


def test_a_log_of_ours_is_replayed_and_what_it_cant_tell_is_counted(config: Path, tmp_path: Path) -> None:
    result = route(config, "replay", str(write_log(tmp_path / "access.log", OWN)), "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["same"] == 3
    assert found["moved"] == [
        {
            "before": "party read → legacy",
            "after": "party read → new",
            "count": 1,
            "examples": ["GET /parties/2"],
        },
        {
            "before": "person write → new",
            "after": "party write → new",
            "count": 1,
            "examples": ["PUT /parties/3"],
        },
    ]
    assert found["unjudged"] == [
        {"depends_on": "method in the JSON body", "count": 1, "examples": ["POST /rpc"]},
        {"depends_on": "action in the query", "count": 1, "examples": ["GET /sales"]},
    ]
    assert found["unread"] == {}
    words = route(config, "replay", str(tmp_path / "access.log")).output
    assert "3 stay where they are, 2 move" in words
    assert "could not be judged: it depends on method in the JSON body" in words


def test_what_could_not_be_judged_is_no_pass(config: Path, tmp_path: Path) -> None:
    assert route(config, "replay", str(write_log(tmp_path / "a.log", OWN[:1]))).exit_code == 0
    assert route(config, "replay", str(write_log(tmp_path / "a.log", [OWN[0], OWN[4]]))).exit_code == 2
    assert route(config, "replay", str(write_log(tmp_path / "a.log", []))).exit_code == 2


COMMON = """\
10.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /parties/7 HTTP/1.1" 200 12 "-" "curl/8"
10.0.0.1 - anna [30/Nov/2026:10:00:00 +0000] "POST /sales?action=add HTTP/1.1" 200 12
10.0.0.1 - anna [30/Nov/2026:10:00:00 +0000] "POST /sales?action=drop HTTP/1.1" 200 -
10.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"
nonsense
"""


def test_a_log_of_nginx_or_apache_counts_as_answered_by_legacy(config: Path, tmp_path: Path) -> None:
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(COMMON.encode()))
    result = route(config, "replay", str(packed), "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["same"] == 2
    assert [(each["after"], each["count"]) for each in found["moved"]] == [("party read → new", 1)]
    assert sum(found["unread"].values()) == 2


def test_another_configuration_is_compared_with_this_one(config: Path, tmp_path: Path) -> None:
    log = str(write_log(tmp_path / "access.log", OWN))
    other = tmp_path / "other.yaml"
    other.write_text(CONFIGURATION)
    assert route(config, "replay", log, "--against", str(other)).exit_code == 0
    other.write_text(CONFIGURATION.replace("/parties/{id}", "/partners/{id}"))
    result = route(config, "replay", log, "--against", str(other), "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert {(each["before"], each["after"]): each["count"] for each in found["moved"]} == {
        ("party read → new", "no function → legacy"): 2,
        ("party write → new", "no function → legacy"): 1,
    }
    assert found["unjudged"] == []
