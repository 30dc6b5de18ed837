"""Exported flags: held to flagd's schema, and evaluated as flagd does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft7Validator
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import Reason
from referencing import Registry, Resource

from strangler.cli.main import root
from strangler.control import standings as kept
from strangler.control.store import Control
from strangler.cutover.stages import Stage, Standing
from strangler.planes.flags import flags
from strangler.planes.stamp import read
from strangler.routing import picture
from tests.dataplanes.landscape import rest, settings, standing, standings

SCHEMAS = Path(__file__).parent / "flagd"

COHORTS = {"from": [{"header": "X-Company"}]}

Evaluated = Callable[..., FlagdCore]


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    loaded = {name: json.loads((SCHEMAS / f"{name}.json").read_text()) for name in ("flags", "targeting")}
    registry: Registry[Any] = Registry().with_resources(
        [(each["$id"], Resource.from_contents(each)) for each in loaded.values()]
    )
    # By reference: beside the one at its top, draft 7 overlooks what the file says of its own address.
    return Draft7Validator(
        {"$ref": loaded["flags"]["$id"] + "#/definitions/providerConfig"}, registry=registry
    )


@pytest.fixture
def evaluated(schema: Draft7Validator) -> Evaluated:
    """flagd's own evaluation of what is exported for functions at their standings, once its schema holds."""

    def load(*stands: Standing, **function: Any) -> FlagdCore:
        names = dict.fromkeys((one.function for one in stands), rest("party"))
        made = settings("http://127.0.0.1:1", names, dict.fromkeys(names, "http://127.0.0.1:1"), **function)
        definitions = flags(made, picture(7, stands))
        schema.validate(definitions)
        core = FlagdCore()
        core.set_flags(json.dumps(definitions))
        return core

    return load


def caller(name: str, **attributes: str) -> EvaluationContext:
    return EvaluationContext(name, dict(attributes))


def test_the_schema_finds_fault_with_what_is_wrong(schema: Draft7Validator) -> None:
    made = flags(settings("http://h", {"party": ()}, {"party": "http://h"}), standings())
    assert schema.is_valid(made)
    made["flags"]["party"]["state"] = "ON"
    assert not schema.is_valid(made)
    made["flags"]["party"] |= {"state": "ENABLED", "targeting": {"fractional": [["new", -1]]}}
    assert not schema.is_valid(made)


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_is_said(evaluated: Evaluated, stage: Stage) -> None:
    core = evaluated(standing("party", stage))
    new = stage in (Stage.LIVE, Stage.RETIRED)
    side = "new" if new else "legacy"
    details = core.resolve_string_value("party", "?")
    assert (details.value, details.reason) == (side, Reason.STATIC)
    assert details.flag_metadata["stage"] == stage
    assert details.flag_metadata["generation"] == 7
    assert details.flag_metadata["flagSetId"] == "test"
    assert core.resolve_string_value("party.owner", "?").value == side
    assert core.resolve_boolean_value("party.new", not new).value is new


def test_a_weight_is_that_share_of_the_callers_and_all_flags_of_a_function_agree(
    evaluated: Evaluated,
) -> None:
    core = evaluated(standing("party", Stage.CANARY, 2500), standing("sale", Stage.CANARY, 2500))
    sides = {n: core.resolve_string_value("party", "?", caller(f"Basic {n}")).value for n in range(1000)}
    # 250 of 1,000 on average with a deviation of 13.7.
    assert 154 < list(sides.values()).count("new") < 346
    for n, side in sides.items():
        assert core.resolve_boolean_value("party.new", False, caller(f"Basic {n}")).value is (side == "new")
    other = {n: core.resolve_string_value("sale", "?", caller(f"Basic {n}")).value for n in range(1000)}
    assert other != sides, "a caller isn't the first with every function"
    assert core.resolve_string_value("party.owner", "?", caller("Basic 1")).value == "legacy"
    assert core.resolve_string_value("party", "?").value == "legacy", "nobody knows who it is"
    assert (
        evaluated(standing("party", Stage.CANARY, 10_000)).resolve_string_value("party", "?").value == "new"
    )
    assert evaluated(standing("party", Stage.CANARY, 0)).resolve_string_value("party", "?").value == "legacy"


def test_while_writes_are_fenced_nobody_is_the_owner(evaluated: Evaluated) -> None:
    core = evaluated(standing("party", Stage.CANARY, 10_000, fenced=True))
    details = core.resolve_string_value("party.owner", "code's own")
    assert (details.value, details.reason) == ("code's own", Reason.DISABLED)
    assert core.resolve_string_value("party", "?").value == "new"


def test_a_cohort_has_its_own_answer(evaluated: Evaluated) -> None:
    stands = (
        standing("party", Stage.CANARY, 2500),
        replace(standing("party", Stage.LIVE), cohort="1000"),
        replace(standing("party", Stage.SHADOW, fenced=True), cohort="2000"),
    )
    core = evaluated(*stands, cohorts=COHORTS)

    def said(flag: str, **attributes: str) -> str:
        value = core.resolve_string_value(flag, "code's own", caller("Basic 1", **attributes)).value
        assert isinstance(value, str)
        return value

    assert said("party", cohort="1000") == said("party.owner", cohort="1000") == "new"
    assert core.resolve_boolean_value("party.new", False, caller("x", cohort="1000")).value is True
    assert (said("party", cohort="2000"), said("party.owner", cohort="2000")) == ("legacy", "code's own")
    assert said("party.owner", cohort="3000") == "legacy", "it goes with the rest of the function"
    assert said("party") == said("party.owner") == "code's own", "the cohorts are on different sides"
    sides = [core.resolve_string_value("party", "?", caller(str(n), cohort="3000")).value for n in range(100)]
    assert set(sides) == {"legacy", "new"}
    named = evaluated(*stands, cohorts={**COHORTS, "default": "1000"})
    assert named.resolve_string_value("party", "?", caller("Basic 1")).value == "new"


def test_who_doesnt_say_its_cohort_has_legacy_while_that_has_the_data_of_all(evaluated: Evaluated) -> None:
    ahead = replace(standing("party", Stage.CANARY, 10_000), cohort="1000")
    core = evaluated(standing("party", Stage.SYNCING), ahead, cohorts=COHORTS)
    assert core.resolve_string_value("party", "?", caller("x", cohort="1000")).value == "new"
    assert core.resolve_string_value("party", "?", caller("x")).value == "legacy"
    assert core.resolve_string_value("party.owner", "?").reason == Reason.STATIC


def test_a_file_of_flags_says_what_it_is_of_and_can_be_asked_whether_it_is_still_right(
    tmp_path: Path,
) -> None:
    (tmp_path / "strangler.yaml").write_text(_CONFIGURATION)

    def export(*arguments: str) -> Result:
        command = ["-c", str(tmp_path / "strangler.yaml"), "export", "flags", *arguments]
        return CliRunner().invoke(root, command)

    shown = export()
    assert json.loads(shown.stdout)["flags"]["sale"]["defaultVariant"] == "legacy"
    assert "note: A switch doesn't wait for those who read these flags." in shown.stderr
    file = tmp_path / "made" / "flags.json"
    assert export("--output", str(file)).exit_code == 0
    assert (stamp := read(file.read_text())) is not None
    assert stamp.generation == 0
    assert export("--check", str(file)).exit_code == 0
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        kept.amend(control, "sale", at=1.0, stage=Stage.SYNCING)
    late = export("--check", str(file))
    assert (late.exit_code, "it is of generation 0; now it is 1" in late.stdout) == (1, True)


_CONFIGURATION = """
name: test
sources: {erp: {kind: sqlite, url: 'sqlite:///erp.db'}}
stores: {new: {url: 'sqlite:///new.db'}}
functions:
  sale:
    source: erp
    store: new
    entities: {sale: {table: sale, key: id, fields: {id: id}}}
"""
