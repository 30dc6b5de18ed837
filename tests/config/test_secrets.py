"""A secret is never printed: not whole, not in an error, not in a representation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.configuration import load
from strangler.errors import ConfigurationError
from strangler.urls import display

SECRET = "hunter2-Pa55"

TEMPLATE = """\
sources: {{erp: {{kind: {kind}, url: "{source}"}}}}
stores: {{new: {{url: "{store}"}}}}
functions:
  party:
    source: erp
    store: {name}
    steps: {steps}
    entities: {{party: {{table: t, key: id, fields: {{id: "id"}}}}}}
"""
GOOD = {
    "kind": "postgres",
    "source": f"postgresql://erp:{SECRET}@db/erp",
    "store": "sqlite:///new.db",
    "name": "new",
    "steps": "[{weight: 100%}]",
}


def written(tmp_path: Path, **values: str) -> Path:
    path = tmp_path / "strangler.yaml"
    path.write_text(TEMPLATE.format(**{**GOOD, **values}))
    return path


def test_the_settings_hide_it_but_hold_it(tmp_path: Path) -> None:
    settings = load(written(tmp_path, source="postgresql://erp:${PW}@db/erp"), {"PW": SECRET})
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump_json())
    assert settings.sources["erp"].url.get_secret_value() == f"postgresql://erp:{SECRET}@db/erp"


@pytest.mark.parametrize(
    "values",
    [
        {"source": SECRET},
        {"source": f"[{SECRET}"},
        {"store": f"oracle://u:{SECRET}@h/x"},
        {"store": SECRET},
        {"kind": "${PW}"},
        {"name": "${PW}"},
        {"steps": "${PW}"},
        {"steps": '[{weight: "${PW}"}]'},
    ],
    ids=lambda values: f"{next(iter(values))} {next(iter(values.values()))[:6]}",
)
def test_an_error_about_it_does_not_tell_it(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, **values), {"PW": SECRET})
    assert SECRET not in str(caught.value)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="@:/?#"), max_size=8),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
def test_display_hides_every_password(user: str, password: str) -> None:
    assert display(f"postgresql://{user}:{password}@host:5432/db") == f"postgresql://{user}:***@host:5432/db"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://user@host:5432/db", "postgresql://user@host:5432/db"),
        ("postgresql://host/db?user=a&password=b&x=1", "postgresql://host/db?user=a&password=***&x=1"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("not a url", "not a url"),
    ],
)
def test_display_leaves_the_rest(url: str, shown: str) -> None:
    assert display(url) == shown


@pytest.mark.parametrize("sign", "@/")
def test_a_password_that_a_driver_would_take_for_the_host_is_refused_and_not_shown(
    tmp_path: Path, sign: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(written(tmp_path, source=f"postgresql://erp:first{sign}{SECRET}@db/erp"))
    assert "percent-encoded" in str(raised.value)
    assert SECRET not in str(raised.value)
    load(written(tmp_path, source=f"postgresql://erp:first%40{SECRET}@db/erp"))
