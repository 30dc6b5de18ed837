"""`config check` on routes: what can't be met, what two functions want, and what is left to legacy, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root

HEAD = """\
sources: {erp: {kind: sqlite, url: "sqlite:///legacy.db"}}
stores: {new: {url: "sqlite:///new.db"}}
facade: {legacy: "http://127.0.0.1:8000"}
functions:
"""


def function(name: str, *routes: str) -> str:
    lines = [
        f"  {name}:",
        "    source: erp",
        "    store: new",
        "    service: {url: http://127.0.0.1:9001}",
        f"    entities: {{{name}: {{table: {name}, key: id, fields: {{id: id}}}}}}",
        *(["    routes:"] if routes else []),
        *(f"      - {{{route}}}" for route in routes),
    ]
    return "\n".join(lines) + "\n"


def check(tmp_path: Path, *functions: str) -> Result:
    path = tmp_path / "strangler.yaml"
    path.write_text(HEAD + "".join(functions))
    return CliRunner().invoke(root, ["-c", str(path), "config", "check", "--offline"])


READ, WRITE = "match: {path: /p, method: GET}, kind: read", "match: {path: /p, method: PUT}, kind: write"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (
            READ,
            "strangler.yaml:19: functions.other.routes[0]: is never reached: functions.party.routes[0] takes",
        ),
        (
            "match: {path: /p, query: {a: '1'}}, kind: read",
            "strangler.yaml:19: functions.other.routes[0]: some requests meet functions.party.routes[1] just as well",
        ),
        (
            "match: {path: /p, method: GETT}, kind: read",
            "functions.other.routes[0].match.method[0]: 'GETT' is no method",
        ),
        (
            "match: {path: /p, host: 'https://x'}, kind: read",
            "routes[0].match.host[0]: 'https://x' is no name of a host",
        ),
        (
            "match: {path: /p, method: []}, kind: read",
            "routes[0].match.method: is empty, so no request meets it",
        ),
        (
            "match: {path: /p, json: {method: []}}, kind: read",
            "match.json.method: has no value, so no request",
        ),
        ("match: {path: '/p?action=a'}, kind: read", "what is behind `?` belongs to `query`"),
        ("match: {path: '/p/{rest:path}/x'}, kind: read", "match.path: {…:path} takes the remainder"),
        ("match: {path: '/p/{x:path}', odata: Orders}, kind: read", "must be that of the service root"),
        (
            "match: {path: /p, query: {a: 1}}, kind: read",
            'match.query.a[0]: must be a text, not a number\n    fix: "1" (quotes',
        ),
    ],
)
def test_a_route_that_cant_be_meant_is_named_with_its_line(
    tmp_path: Path, second: str, expected: str
) -> None:
    result = check(tmp_path, function("party", READ, WRITE), function("other", second))
    assert result.exit_code == 2
    assert expected in result.output


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "cohorts: {from: []}",
            "functions.party.cohorts.from: has no entries\n    fix: from: [{header: X-Company}]",
        ),
        ("cohorts: {from: [{}]}", "functions.party.cohorts.from[0]: names no place"),
        (
            "cohorts: {from: [{header: a, query: b}]}",
            "cohorts.from[0]: has `header` and `query`, and a place is one",
        ),
        (
            "cohorts: {from: [{path: company}]}",
            "cohorts.from[0].path: no path of the function's routes has {company}",
        ),
        (
            "cohorts: {from: [{header: a}]}",
            "functions.party.cohorts.of: doesn't say which cohort the rows of party are of, so they couldn't move with it\n"
            "    fix: party: company, or party: {everyone: 'why they are of all'}",
        ),
        (
            "cohorts: {from: [{header: a}], of: {party: {everyone: all have them}, prty: id}}",
            "functions.party.cohorts.of.prty: there is no entity 'prty' in the function\n    fix: party",
        ),
        (
            "cohorts: {from: [{header: a}], of: {party: {}}}",
            "cohorts.of.party: has neither `name` nor `everyone`",
        ),
        (
            "cohorts: {from: [{header: a}], of: {party: {name: id, everyone: x}}}",
            "cohorts.of.party: has `name` and `everyone`",
        ),
        ("documents: {key: [{header: a}]}", "functions.party.documents.created: 'created' is missing"),
        (
            "documents: {key: [{header: a}], created: {}}",
            "documents.created: has neither `json` nor `location`",
        ),
        (
            "documents: {key: [{header: a}], created: {location: /orders}}",
            "documents.created.location: has no parameter, or more than one",
        ),
    ],
)
def test_a_place_that_cant_be_is_named(tmp_path: Path, line: str, expected: str) -> None:
    party = function("party", READ, WRITE).replace("    routes:", f"    {line}\n    routes:")
    result = check(tmp_path, party)
    assert result.exit_code == 2
    assert expected in result.output


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ("[{}]", "facade.overrides.allow[0]: says nothing of who it is"),
        (
            "[{token: aaaaaaaaaaaaaaaa, claim: groups}]",
            "facade.overrides.allow[0]: has `token` and `claim`, and is known by one",
        ),
        (
            "[{token: aaaaaaaaaaaaaaaa, values: [x]}]",
            "allow[0].values: are those of a claim, and there is none",
        ),
        ("[{token: short}]", "facade.overrides.allow[0].token"),
        ("[]", "facade.overrides.allow: has no entries"),
    ],
)
def test_who_may_say_which_side_answers_is_known_by_one_thing(
    tmp_path: Path, allow: str, expected: str
) -> None:
    path = tmp_path / "strangler.yaml"
    head = HEAD.replace('8000"}', f'8000", overrides: {{allow: {allow}}}}}')
    path.write_text(head + function("party", READ, WRITE))
    result = CliRunner().invoke(root, ["-c", str(path), "config", "check", "--offline"])
    assert result.exit_code == 2
    assert expected in result.output
    assert "short" not in result.output


def test_what_stays_on_legacy_is_warned_of_and_stops_nobody(tmp_path: Path) -> None:
    result = check(
        tmp_path, function("party", READ, WRITE), function("bare"), function("half", READ.replace("/p", "/q"))
    )
    assert result.exit_code == 0
    assert "! " in result.output
    assert (
        "strangler.yaml:13: functions.bare: has no routes, so the facade leaves all its callers"
        in result.output
    )
    assert "strangler.yaml:23: functions.half.routes: has routes for reads only" in result.output
    assert "functions.party" not in result.output
