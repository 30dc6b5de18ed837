"""Data Docs: the site of recorded runs, made anew from what is kept of them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import great_expectations as gx
import orjson
from great_expectations.core import ExpectationSuite
from great_expectations.core.batch import IDDict
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)

from strangler.quality.checker import Shown

_SITE: Final = "strangler"


def build(shown: tuple[Shown, ...], folder: Path) -> Path:
    """See `Checker.site`."""
    raise NotImplementedError
