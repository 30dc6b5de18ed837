"""What the page about access tells services to do works as it stands there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from strangler.cutover.stages import Side
from strangler.facade.identity.signing import Signer, public_keys
from strangler.settings import Facade
from tests.facade.test_signing import ADA, TRACE, signing

PAGE = (Path(__file__).parents[2] / "docs" / "access.md").read_text()


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The verifier of the page, beside the keys that `strangler access keys` prints."""
    (tmp_path / "strangler-keys.json").write_text(json.dumps(public_keys(signing())))
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(block, found)
    return found["caller"]


def test_the_verifier_takes_what_the_facade_signed_and_nothing_else(caller: Any) -> None:
    signed = Signer(signing(claims=["company"]), "strangler-demo").sign(ADA, "party", Side.NEW, TRACE)
    who = caller({"X-Strangler-Identity": signed})
    assert (who["sub"], who["roles"], who["claims"]) == ("ada", ["clerk"], {"company": "1000"})
    assert caller({}) is None
    others = [
        Signer(signing(), "strangler-demo").sign(ADA, "sale", Side.NEW, TRACE),
        Signer(signing(), "strangler-other").sign(ADA, "party", Side.NEW, TRACE),
        Signer(signing(), "strangler-demo").sign(replace(ADA, until=1.0), "party", Side.NEW, TRACE),
        Signer(signing(algorithm="HS256"), "strangler-demo").sign(ADA, "party", Side.NEW, TRACE),
        Signer(
            signing(key="k3", keys={"k3": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="}), "strangler-demo"
        ).sign(ADA, "party", Side.NEW, TRACE),
        signed[:-2],
    ]
    for each in others:
        with pytest.raises(jwt.InvalidTokenError):
            caller({"X-Strangler-Identity": each})


def test_the_configurations_of_the_page_are_ones() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        Facade.model_validate({"legacy": "http://127.0.0.1:8000", **yaml.safe_load(block)["facade"]})
