"""What docs/data-planes.md says that each target can do, asked of the targets."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from strangler import plugins
from strangler.cutover.stages import Stage, Standing
from strangler.errors import StranglerError
from strangler.planes.drawing import Wishes, draw
from strangler.planes.export import Export
from strangler.routing import Standings, Trust
from tests.dataplanes.landscape import read, rest, settings, standing, standings, write

PAGE: Final = Path(__file__).parents[2] / "docs" / "data-planes.md"
TARGETS: Final = {"nginx": "nginx", "HAProxy": "haproxy", "Envoy": "envoy", "Gateway API": "gateway-api"}
FACADE, COMPARER = "http://facade:8080", "http://comparer:8081"


def export(
    target: str,
    routes: list[dict[str, Any]] | None = None,
    stand: Standing | Standings = standing("sale", Stage.LIVE),  # noqa: B008
    section: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
    **wishes: Any,
) -> Export:
    functions = {"sale": routes or rest("sale")}
    made = settings("http://legacy:80", functions, {"sale": "http://sale:80"}, facade=section, **(more or {}))
    stands = stand if isinstance(stand, Standings) else standings(stand)
    plane = draw(made, stands, Wishes("0.0.0.0:80", **wishes))
    compiled: Export = plugins.load("dataplanes", target)(plane)
    return compiled


def of_route(
    *routes: dict[str, Any], why: str = "What can't be said goes to the facade"
) -> Callable[[str], str]:
    """`yes` where calls go to the side that answers them, `to the facade` where it is noted that the target can't tell them."""

    def asked(target: str) -> str:
        notes = " ".join(export(target, list(routes), facade=FACADE).notes)
        return "to the facade" if why in notes else "yes"

    return asked


def of_cohort(place: dict[str, str], **more: Any) -> Callable[[str], str]:
    """The same for a function of which one cohort has moved."""
    stands = Standings(
        7,
        {"sale": standing("sale", Stage.LEGACY)},
        Trust.SURE,
        {"sale": {"AT": standing("sale", Stage.LIVE)}},
    )

    def asked(target: str) -> str:
        made = export(target, stand=stands, more={"cohorts": {"from": [place]}, **more}, facade=FACADE)
        away = any("to the facade: /api" in note or "cohort or document go" in note for note in made.notes)
        return "to the facade" if away else "yes"

    return asked


def noted(why: str, **given: Any) -> Callable[[str], str]:
    """`to the facade` where it is noted, else `no`."""

    def asked(target: str) -> str:
        return "to the facade" if why in " ".join(export(target, facade=FACADE, **given).notes) else "no"

    return asked


def case(target: str) -> str:
    try:
        export(target, section={"ignore_case": True})
    except StranglerError:
        return "refused"
    return "yes"


CANARY: Final = standing("sale", Stage.CANARY, 5000)


def said(stand: Standing, words: dict[str, str], otherwise: str, **wishes: Any) -> Callable[[str], str]:
    """The answer that belongs to the first of these expressions that the notes or the files fit."""

    def asked(target: str) -> str:
        exported = export(target, stand=stand, **wishes)
        text = " ".join([*exported.notes, *exported.files.values()])
        return next((answer for known, answer in words.items() if re.search(known, text)), otherwise)

    return asked


ROWS: Final[dict[str, Callable[[str], str]]] = {
    "path, literal or with `{rest:path}`; method": of_route(*rest("sale"), read("/sale/list")),
    "path with a parameter amid it or at its end (`{id}`)": of_route(read("/sale/{id}")),
    "header, query": of_route(read("/sale/{rest:path}", headers={"X-Org": "1"}, query={"action": "list"})),
    "any value of a header or of a name in the query (`*`)": of_route(
        read("/sale/{rest:path}", query={"id": "*"})
    ),
    "host": of_route(read("/sale/{rest:path}", host="erp.example.com")),
    "cookie": of_route(read("/sale/{rest:path}", cookies={"org": "1"})),
    "OData entity set": of_route(
        read("/odata", odata=["Sales"]), write("/odata", odata=["Sales"], method=["POST"])
    ),
    "paths in any case (`ignore_case`)": case,
    "a value in the body (JSON, form, XML, SOAP, `$batch`)": of_route(
        read("/rpc", json={"method": "sale.read"}), why="by their body go to the facade"
    ),
    "a cohort in a header, the query, a cookie or the path": of_cohort({"header": "X-Company"}),
    "a cohort in a body or an identity": of_cohort({"claim": "company"}),
    "documents that stay where they were begun": of_cohort(
        {"header": "X-Company"}, documents={"key": [{"path": "rest"}], "created": {"json": "id"}}
    ),
    "calls that are translated for the new service": noted(
        "is translated", more={"protocol": {"kind": "jsonrpc"}}
    ),
    "what servers read in several ways (`%2F`, `;`, a header twice)": noted(
        "What servers may read in several ways"
    ),
    "weights": said(CANARY, {r"50\.00%": "yes", r"weight: 5000": "yes", r"sale 5000": "yes"}, "no"),
    "a caller stays on its side": said(
        CANARY,
        {"doesn't stay on one side": "no", "by (?:nginx|Envoy)'s own hash": "by its own hash"},
        "as at the facade",
    ),
    "a fence: 503 with `Retry-After`": said(
        standing("sale", Stage.CANARY, 5000, fenced=True),
        {r"retry_after \{[^}]*\"1\"|Retry-After 1|retry-after, value: '1'": "yes"},
        "500",
    ),
    "copies to the comparer": said(
        standing("sale", Stage.SHADOW),
        {"Reads that have a body \\(POST\\) aren't mirrored": "without a body", "comparer": "yes"},
        "no",
        comparer=COMPARER,
    ),
    "legacy for a dead service, while it has the data": said(
        CANARY, {"Legacy doesn't stand in": "no", "sale_or_legacy": "yes", "backup": "yes"}, "no"
    ),
    "a dead service is noticed without a call": said(CANARY, {"health_checks|option httpchk": "yes"}, "no"),
    "a call's whole time": said(CANARY, {"Timeouts count from one piece": "between two pieces"}, "yes"),
}


def table() -> dict[str, dict[str, str]]:
    """The table of the page: by row and by target."""
    text = PAGE.read_text().partition("| | nginx")[2].partition("\n\n")[0]
    lines = f"| | nginx{text}".splitlines()
    head, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line
    )
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


@pytest.mark.parametrize("row", ROWS)
def test_the_page_says_what_the_targets_do(row: str) -> None:
    answers = {title: ROWS[row](target) for title, target in TARGETS.items()}
    told = {title: cell.partition(";")[0] for title, cell in table()[row].items()}
    assert told == answers


def test_the_page_has_no_row_that_nothing_answers_for() -> None:
    assert set(table()) == set(ROWS)
