"""What is told of settings with which no client of Kafka can be made; no broker is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from strangler.errors import SourceError
from strangler.settings import Source
from strangler_connectors.debezium import client
from strangler_connectors.debezium.options import read


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"security_protocol": "SLL"}, "SASL_PLAINTEXT, SASL_SSL"),
        ({"security_protocol": ["SSL"]}, "SASL_PLAINTEXT, SASL_SSL"),
        ({"security_protocol": "SASL_SSL"}, "sasl_mechanism is missing"),
        ({"security_protocol": "SSL", "ssl_cafile": "{folder}/none.pem"}, "options.client.ssl_cafile"),
        ({"security_protocol": "SSL", "ssl_keyfile": "{folder}"}, "options.client.ssl_keyfile"),
        ({"bootstrap_timeout_ms": "x"}, "kafka-python's names and values"),
        ({"request_timeout_ms": -1, "api_version": "x"}, "kafka-python's names and values"),
        ({"ssl_ca": "x"}, "kafka-python's names"),
    ],
)
def test_a_client_that_cannot_be_made_says_which_option_to_correct(
    given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """No broker listens at port 1: where the setting were not looked at, that alone would be said."""
    chosen = {
        name: value.format(folder=tmp_path) if isinstance(value, str) else value
        for name, value in given.items()
    }
    url = SecretStr("postgresql://erp:s3cret@db.example/erp")
    options = read(
        "erp",
        Source(kind="debezium", url=url, options={"kafka": "localhost:1", "client": chosen}),
    )
    with pytest.raises(SourceError) as raised, client.admin(options, "looking for the topics"):
        pass
    assert told in str(raised.value)
    assert raised.value.why
    assert raised.value.do
