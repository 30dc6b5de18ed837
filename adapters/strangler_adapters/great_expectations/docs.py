"""Data Docs: the site of recorded runs, made anew from what is kept of them.

Great Expectations writes a page for each relation of a run. Its pages load styles, scripts and a logo from half a dozen hosts, and are
bare where these can't be reached; here they are made to need nobody: one stylesheet of our own takes the place of all of that, and an
index of runs that of its own, which is nothing without its scripts.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import great_expectations as gx
import jinja2
import orjson
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)

from strangler.quality.checker import Shown
from strangler_adapters.great_expectations import expectations  # noqa: F401  # registers ours, whose results are rendered

_SITE: Final = "strangler"
_HERE: Final = Path(__file__).parent
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
"""What doesn't belong into the name of a file; a dot would make a folder."""


class Page(NamedTuple):
    """A page of a run, as the index shows it."""

    title: str
    address: str
    checks: int
    failed: int


def build(shown: tuple[Shown, ...], folder: Path) -> Path:
    """See `Checker.site`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    context = gx.get_context(mode="ephemeral")
    for name in context.get_site_names():
        context.delete_data_docs_site(name)
    context.add_data_docs_site(_SITE, _config(folder))
    for each in shown:
        context.validation_results_store.set(_identifier(each), _result(each))
    context.build_data_docs()
    shutil.rmtree(folder / "static", ignore_errors=True)
    shutil.copy(_HERE / "site.css", folder / "site.css")
    for page in folder.glob("validations/**/*.html"):
        style = "../" * (len(page.relative_to(folder).parts) - 1) + "site.css"
        page.write_text(alone(page.read_text("utf-8"), style), "utf-8")
    index = folder / "index.html"
    index.write_text(_index(shown), "utf-8")
    return index


_ELSEWHERE: Final = re.compile(
    r"<script\b.*?</script>|<footer\b.*?</footer>|<link\b[^>]*>|<style\b.*?</style>|<img\b[^>]*>", re.DOTALL
)


def alone(page: str, style: str) -> str:
    """The page without anything that it would load or lead to elsewhere, or to a page that isn't made, with a stylesheet that is at
    `style`."""
    kept = _ELSEWHERE.sub("", page)
    kept = re.sub(
        r'<a\b[^>]*href="(?:https?://|[./]*expectations/)[^>]*>(.*?)</a>', r"\1", kept, flags=re.DOTALL
    )
    return kept.replace("</head>", f'<link rel="stylesheet" href="{style}">\n</head>', 1)


def _config(folder: Path) -> Any:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _names(each: Shown) -> list[str]:
    return [_UNFIT.sub("_", name).strip("_") for name in (each.function, each.side, each.document.title)]


def _run_id(each: Shown) -> RunIdentifier:
    return RunIdentifier(run_name=f"run_{each.run}", run_time=datetime.fromtimestamp(each.at, UTC))


def _identifier(each: Shown) -> ValidationResultIdentifier:
    names = _names(each)
    return ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=".".join(names)),
        run_id=_run_id(each),
        batch_identifier=names[-1],
    )


def _result(each: Shown) -> ExpectationSuiteValidationResult:
    found: ExpectationSuiteValidationResult = expectationSuiteValidationResultSchema.load(
        orjson.loads(each.document.body)
    )
    found.meta |= {"run_id": _run_id(each), "batch_spec": {"data_asset_name": each.document.title}}
    for one in found.results:
        one.result = _with_keys(one.result)
    return found


def _with_keys(result: dict[str, Any]) -> dict[str, Any]:
    """The examples with their keys, by which somebody may find the rows; the page shows values alone, or how often each comes."""
    rows = result.get("partial_unexpected_index_list")
    if not rows:
        return result
    return {**result, "partial_unexpected_counts": [], "partial_unexpected_list": list(map(_told, rows))}


def _told(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'NULL' if value is None else value}" for name, value in row.items())


def _page(each: Shown) -> Page:
    statistics = orjson.loads(each.document.body)["statistics"]
    key = _identifier(each)
    address = "/".join(["validations", *key.to_tuple()]) + ".html"
    checks, failed = statistics["evaluated_expectations"], statistics["unsuccessful_expectations"]
    return Page(each.document.title, address, checks, failed)


def _index(shown: Sequence[Shown]) -> str:
    loader = jinja2.FileSystemLoader(_HERE)
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("index.html.j2")
    return template.render(runs=list(_runs(shown)))


def _runs(shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """Newest first."""
    newest = sorted(shown, key=lambda each: (-each.run, each.document.title))
    for number, each in groupby(newest, key=lambda each: each.run):
        documents = list(each)
        first = documents[0]
        at = datetime.fromtimestamp(first.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        pages = [_page(document) for document in documents]
        yield {"number": number, "function": first.function, "side": first.side, "at": at, "pages": pages}
