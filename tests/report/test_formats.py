"""The report is one file that opens offline, says what the facts say, and lets no name out of its place."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import ledger
from strangler.control.store import Control
from strangler.cutover.gates import Gate, GateResult, Verdict
from strangler.cutover.history import Kind, evidence
from strangler.cutover.stages import ORDER
from strangler.progress import Progress
from strangler.report import FORMATS, render

from . import migration
from .conftest import measured

HOSTILE = "<script>alert('x')</script> & \"quotes\" | `pipe`\n# heading"


class Page(HTMLParser):
    """The tags of a page with their attributes, its words, and whether every tag is closed where it should be."""

    VOID = ("meta", "path", "rect", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is closed in the wrong place, {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_refers_to_nothing_outside_itself(progress: Progress) -> None:
    text = render(progress, "html")
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base")
        for name in ("src", "href", "xlink:href", "data", "action", "poster"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_is_well_formed_and_its_links_lead_somewhere(progress: Progress) -> None:
    page = Page(render(progress, "html"))
    assert page.open == []
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for tag, attributes in page.tags if tag == "a"}
    assert links == ids == set(migration.TITLES)


def test_the_page_shows_every_function_with_stage_and_charts(progress: Progress) -> None:
    text = render(progress, "html")
    words = " ".join("".join(Page(text).words).split())
    assert "3 of 10 functions have moved to the new side, 4 are under way." in words
    for title in migration.TITLES.values():
        assert title in words
    assert "canary 50%" in words
    assert text.count("<svg") >= 1 + 10 + 2 * 7
    assert not re.search(r"\bNone\b|\bnan\b|Undefined", words.replace("None of", ""))


@pytest.mark.parametrize("form", FORMATS)
def test_no_name_gets_out_of_its_place(control: Control, form: str) -> None:
    body = {"reason": HOSTILE}
    ledger.append(control, actor=HOSTILE, kind="held", function="party", body=body, at=migration.NOW)
    text = render(measured(control, party=HOSTILE), form)
    if form == "html":
        page = Page(text)
        assert "script" not in [tag for tag, _ in page.tags]
        assert "<script>alert('x')</script>" in "".join(page.words)
    elif form == "md":
        assert "<script>" not in text.replace("\\<script", "")
        assert "\n# heading" not in text
        rows = [line for line in text.splitlines() if line.startswith("| \\<script")]
        assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [9]
    else:
        assert json.loads(text)["functions"][0]["title"] == HOSTILE


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_refusal_says_what_was_asked_and_which_gates_stood_against_it(control: Control, form: str) -> None:
    gates = [
        GateResult(Gate.LAG, Verdict.PASS, "0.4 s", "5 s", "the store is 0.4 s behind"),
        GateResult(Gate.DRIFT, Verdict.FAIL, "2 keys", "0 keys", "2 keys differ"),
        GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, "3", "100", "3 answers were compared"),
    ]
    what = "party stays in shadow: 2 of 3 gates don't pass on the way to canary 5%"
    refuse(
        control, {"asked": "advance", "what": what, "why": "drift is failing\n…", "gates": evidence(gates)}
    )
    shown = words(render(measured(control, party="Partners"), form), form)
    assert f"refused advance: {what} (drift, shadow)" in shown


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_refusal_without_gates_says_why_and_is_cut_when_it_is_long(control: Control, form: str) -> None:
    why = "1,204 writes would be lost: " + "and so on, " * 40
    refuse(control, {"asked": "rollback", "what": "party stays in live", "why": why, "gates": []})
    shown = words(render(measured(control, party="Partners"), form), form)
    assert "refused rollback: party stays in live (1,204 writes would be lost: and so on" in shown
    assert "and so on, " * 20 not in shown


def refuse(control: Control, body: dict[str, object]) -> None:
    """A refusal as the conductor notes it."""
    ledger.append(control, actor="me", kind=Kind.REFUSED, function="party", body=body, at=migration.NOW)


def words(text: str, form: str) -> str:
    """What a reader sees, on one line."""
    seen = " ".join(Page(text).words) if form == "html" else text.replace("\\", "").replace(" | ", " ")
    return " ".join(seen.split())


@pytest.mark.parametrize("form", FORMATS)
def test_no_secret_and_no_value_of_a_row_is_in_it(progress: Progress, form: str) -> None:
    text = render(progress, form)
    assert "hunter2" not in text
    assert "4904.49" not in text
    assert "PO-1" in text


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_migration_has_a_report_too(control: Control, form: str) -> None:
    text = render(measured(control, party="Partners"), form)
    if form == "json":
        assert json.loads(text)["share_on_new"] is None
    else:
        assert "Nothing has moved yet: legacy does everything." in text


def test_json_has_the_figures_with_their_units_in_the_names(progress: Progress) -> None:
    found = json.loads(render(progress, "json"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["generated_at"])
    assert found["functions_by_stage"] == dict(zip(ORDER, [3, 1, 1, 2, 2, 1], strict=True))
    assert found["ledger"]["verifies"] is True
    stock = next(each for each in found["functions"] if each["name"] == "stock")
    assert (stock["stage"], stock["weight"], stock["owner"]) == ("canary", 0.5, "legacy")
    assert 0.4 < stock["share_on_new"] < 0.5
    assert stock["lag_seconds"] == pytest.approx(0.7)
    assert stock["next"] == {"stage": "canary", "weight": 1.0}
    assert {gate["gate"] for gate in stock["gates"]} >= {"lag", "drift", "shadow"}


def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head(progress: Progress) -> None:
    width = None
    for line in render(progress, "md").splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert width is None or cells is None or cells == width, line
        width = cells


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A configuration file with one function that nobody has touched."""
    path = tmp_path / "strangler.yaml"
    entity = {"table": "party_party", "key": "id", "fields": {"id": "id"}}
    document = {
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
        "stores": {"new": {"url": "sqlite:///new.db"}},
        "functions": {"party": {"source": "erp", "store": "new", "entities": {"party": entity}}},
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_command_writes_where_it_is_told_and_makes_the_folder(configuration: Path) -> None:
    output = configuration.parent / "some" / "where" / "report.html"
    result = CliRunner().invoke(root, ["-c", str(configuration), "report", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert Page(output.read_text()).open == []


def test_html_goes_to_build_by_default(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(configuration.parent)
    assert CliRunner().invoke(root, ["report"]).exit_code == 0
    assert Path("build/report.html").exists()


def test_json_and_markdown_go_to_stdout(configuration: Path) -> None:
    result = CliRunner().invoke(root, ["-c", str(configuration), "report", "--format", "json"])
    assert json.loads(result.stdout)["functions"][0]["stage"] == "legacy"
    result = CliRunner().invoke(root, ["-c", str(configuration), "report", "--format", "md"])
    assert result.stdout.startswith("# strangler: progress of the migration")


def test_a_place_that_cannot_be_written_is_one_clear_message(configuration: Path) -> None:
    output = configuration / "report.html"
    result = CliRunner().invoke(root, ["-c", str(configuration), "report", "--output", str(output)])
    assert result.exit_code == 2
    assert "can't be written" in result.output
