"""Proxy-Status and Server-Timing: what they say, read back by a parser of structured fields."""

from __future__ import annotations

import pytest
from http_sfv import List, Token
from hypothesis import given
from hypothesis import strategies as st

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.proxy_status import ERRORS, passed, refused
from strangler.facade.server_timing import timing
from tests.facade.calls import call


def parameters(value: bytes) -> dict[str, object]:
    """The parameters of the one member that the header has."""
    parsed = List()
    parsed.parse(value)
    [member] = parsed
    assert member.value == Token("strangler")
    return {name: str(told) if isinstance(told, Token) else told for name, told in member.params.items()}


@given(st.sampled_from(sorted(ERRORS)), st.text(), st.sampled_from(["", "legacy", "new:party_2"]))
def test_whatever_is_told_is_a_structured_field(error: str, detail: str, upstream: str) -> None:
    told = parameters(refused(error, detail, upstream))
    assert told["error"] == error
    assert told.get("next-hop", "") == upstream
    assert told["details"] == "".join(c if " " <= c <= "~" else "?" for c in detail)


def test_every_answer_of_the_facade_says_that_it_is_the_facades() -> None:
    refusals = [
        Refusal(503, 'fenced for "party"', "destination_unavailable", 1.0),
        Refusal(422, "unclear"),
        BadRequest("no"),
    ]
    told = [parameters(dict(refusal.headers())[b"proxy-status"]) for refusal in refusals]
    assert told == [
        {"error": "destination_unavailable", "details": 'fenced for "party"'},
        {"error": "proxy_internal_response", "details": "unclear"},
        {"error": "http_request_error", "details": "no"},
    ]
    assert parameters(dict(refusals[0].headers("new:party"))[b"proxy-status"])["next-hop"] == "new:party"


@pytest.mark.parametrize("upstream", ["legacy", "new:party"])
def test_an_answer_of_an_upstream_says_whose_it_is(upstream: str) -> None:
    assert parameters(passed(upstream, 200)) == {"next-hop": upstream, "received-status": 200}


def test_server_timing_says_what_the_facade_took_and_what_the_upstream_did() -> None:
    assert timing(call(), 1000.005) == b"facade;dur=0.75, upstream;dur=4.25, connect;dur=0.25"
    assert timing(call(decided=False), 1000.002) == b"facade;dur=2.00"
