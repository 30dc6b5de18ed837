"""SOAP: attacks end in a Fault, what isn't literal is refused in words, and answers are what callers of the version expect."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, Around, Request
from strangler.testing.service_protocol import ask, problem, service_answer
from strangler_adapters.protocols.soap import connect

V11 = "http://schemas.xmlsoap.org/soap/envelope/"
V12 = "http://www.w3.org/2003/05/soap-envelope"
OPTIONS: dict[str, Any] = {
    "namespace": "urn:sap",
    "response": "{operation}.Response",
    "operations": {
        "ORDER_GET": {
            "ask": "GET /orders/{VBELN | zeros(10)}",
            "answer": {
                "HEADER": {
                    "@currency": "currency",
                    "NETWR": "total | decimal(2)",
                    "ERDAT": "ordered_on | date(YYYYMMDD)",
                },
                "ITEMS": {
                    "item[lines]": {"POSNR": "number | zeros(6)", "MATNR": "sku", "DONE": "done | flag"}
                },
            },
            "errors": {
                404: {
                    "code": "NO_ORDER",
                    "message": "Order {asked:VBELN} doesn't exist",
                    "answer": {"ErrorNo": 17},
                }
            },
        },
        "ORDER_CREATE": {
            "ask": "POST /orders",
            "body": {
                "customer": "HEADER.KUNNR | zeros(10)",
                "lines[ITEMS.item]": {"sku": "MATNR", "quantity": "MENGE | decimal"},
            },
            "answer": {"VBELN": "id | zeros(10)"},
        },
    },
}


def protocol(**changes: Any) -> Any:
    return connect({**OPTIONS, **changes}, Around())


def message(content: str, namespace: str = V11, head: str = "", before: str = "") -> Request:
    kind = "text/xml" if namespace == V11 else "application/soap+xml"
    text = f'{before}<s:Envelope xmlns:s="{namespace}"><s:Header>{head}</s:Header><s:Body>{content}</s:Body></s:Envelope>'
    return Request("POST", "/sap/bc/soap", [("content-type", kind)], text.encode())


GET = '<n:ORDER_GET xmlns:n="urn:sap"><VBELN>0000004711</VBELN></n:ORDER_GET>'
TOLD = {
    "currency": "EUR",
    "total": "19.9",
    "ordered_on": "2026-11-30",
    "lines": [{"number": 10, "sku": "A&B", "done": True}, {"number": 20, "sku": "C", "done": False}],
}


def test_an_order_is_told_as_its_callers_know_it() -> None:
    asked = ask(protocol(), message(GET), [service_answer(TOLD)])
    assert asked.steps[0].target == "/orders/4711"
    [content] = etree.fromstring(asked.answer.body)[0]
    assert content.tag == "{urn:sap}ORDER_GET.Response"
    header, items = content
    assert (header.tag, dict(header.attrib), header.findtext("NETWR"), header.findtext("ERDAT")) == (
        "HEADER", {"currency": "EUR"}, "19.90", "20261130",
    )  # fmt: skip
    assert [[part.text or "" for part in item] for item in items] == [
        ["000010", "A&B", "X"],
        ["000020", "C", ""],
    ]


def test_lists_of_a_call_are_lists_however_many_there_are() -> None:
    for count in (0, 1, 3):
        items = "".join(f"<item><MATNR>M{n}</MATNR><MENGE>1.5</MENGE></item>" for n in range(count))
        call = f'<n:ORDER_CREATE xmlns:n="urn:sap"><HEADER><KUNNR>0000000007</KUNNR></HEADER><ITEMS>{items}</ITEMS></n:ORDER_CREATE>'
        step = ask(protocol(), message(call), [service_answer({"id": 99})]).steps[0]
        lines = b",".join(b'{"sku":"M%d","quantity":"1.5"}' % n for n in range(count))
        assert step.body == b'{"customer":"7"' + (b',"lines":[' + lines + b"]" if count else b"") + b"}"


def test_elements_of_an_answer_are_qualified_as_those_of_the_call() -> None:
    qualified = GET.replace("<VBELN>", "<n:VBELN>").replace("</VBELN>", "</n:VBELN>")
    [content] = etree.fromstring(ask(protocol(), message(qualified), [service_answer(TOLD)]).answer.body)[0]
    assert content[0].tag == "{urn:sap}HEADER"
    [content] = etree.fromstring(
        ask(protocol(qualified=False), message(qualified), [service_answer(TOLD)]).answer.body
    )[0]
    assert content[0].tag == "HEADER"


def test_faults_of_both_versions() -> None:
    told = ask(protocol(), message(GET), [problem(404, "Not found")]).answer
    fault = etree.fromstring(told.body).find(f".//{{{V11}}}Fault")
    assert fault is not None
    assert (told.status, told.header("content-type")) == (500, "text/xml; charset=utf-8")
    assert (fault.findtext("faultcode"), fault.findtext("faultstring")) == (
        "NO_ORDER",
        "Order 0000004711 doesn't exist",
    )
    assert fault.findtext("detail/{urn:sap}ErrorNo") == "17"
    told = ask(protocol(), message(GET, V12), [problem(404, "Not found")]).answer
    fault = etree.fromstring(told.body).find(f".//{{{V12}}}Fault")
    assert fault is not None
    assert (told.status, told.header("content-type")) == (400, "application/soap+xml; charset=utf-8")
    codes = [each.text for each in fault.iter(f"{{{V12}}}Value")]
    assert codes == ["soap:Sender", "NO_ORDER"]
    told = ask(protocol(), message(GET, V12), [Answer(500, [], b"")]).answer
    assert (told.status, b"soap:Receiver" in told.body) == (500, True)


BOMB = (
    "<!DOCTYPE a [<!ENTITY a0 'x'>"
    + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12))
    + "]>"
)
ATTACKS = {
    "bomb": message("<a>&a11;</a>", before=BOMB),
    "bomb in an attribute": message('<a b="&a11;"/>', before=BOMB),
    "file": message(
        GET.replace("0000004711", "&e;"), before="<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
    ),
    "external DTD": message(GET, before="<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'>"),
    "parameter entity": message(GET, before="<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/p'> %p;]>"),
    "bare doctype": message(GET, before="<!DOCTYPE a>"),
    "xinclude": message(
        GET.replace("0000004711", '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>')
    ),
    "huge text": message(GET.replace("0000004711", "1" * 2_000_000)),
    "deep": message(GET.replace("0000004711", "<a>" * 2000 + "</a>" * 2000)),
    "many attributes": message(
        GET.replace("<VBELN>", "<VBELN " + " ".join(f"a{n}='1'" for n in range(12_000)) + ">")
    ),
    "UTF-7": message(GET)._replace(body=b"<?xml version='1.0' encoding='utf-7'?><a/>"),
    "UTF-16 doctype": message(GET)._replace(
        body=f"<?xml version='1.0' encoding='utf-16'?>{BOMB}<a>&a11;</a>".encode("utf-16")
    ),
}


@pytest.mark.parametrize("request_", ATTACKS.values(), ids=ATTACKS.keys())
def test_attacks_end_in_a_fault(request_: Request) -> None:
    began = time.monotonic()
    with pytest.raises(UntranslatableRequest) as error:
        ask(protocol(), request_, [])
    told = protocol().refuse(request_, str(error.value))
    assert etree.fromstring(told.body).find(f".//{{{V11}}}Fault") is not None
    assert b"root:" not in told.body
    assert time.monotonic() - began < 2


REFUSED = {
    "attachments": (
        message(GET)._replace(headers=[("content-type", 'multipart/related; type="application/xop+xml"')]), "MIME, MTOM",
    ),
    "MTOM": (message(GET.replace("0000004711", '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:1"/>')), "MTOM"),
    "WSDL": (Request("GET", "/sap/bc/soap?wsdl", [], b""), "WSDL"),
    "encoded": (message(GET.replace("<VBELN>0000004711</VBELN>", '<VBELN href="#id1"/>')), "rpc/encoded"),
    "two calls": (message(GET + GET), "2 elements"),
    "no call": (message(""), "0 elements"),
    "another namespace": (message(GET.replace("urn:sap", "urn:other")), "urn:other"),
    "no envelope": (message(GET)._replace(body=b"<a/>"), "no envelope"),
    "mixed": (message(GET.replace("<VBELN>", "text<VBELN>")), "between"),
    "must be understood": (message(GET, head='<w:Security xmlns:w="urn:w" s:mustUnderstand="1"/>'), "Security"),
    "unread": (message(GET.replace("</n:ORDER_GET>", "<LANGU>E</LANGU></n:ORDER_GET>")), "LANGU"),
    "twice": (message(GET.replace("</n:ORDER_GET>", "<VBELN>1</VBELN></n:ORDER_GET>")), "VBELN"),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cant_be_put_is_refused_in_words(request_: Request, words: str) -> None:
    with pytest.raises(UntranslatableRequest) as error:
        ask(protocol(), request_, [])
    assert words in str(error.value)


def test_headers_that_are_named_may_demand_to_be_understood() -> None:
    head = '<w:Security xmlns:w="urn:w" s:mustUnderstand="1"/><w:Other xmlns:w="urn:w"/>'
    assert (
        ask(protocol(understood=["Security"]), message(GET, head=head), [service_answer(TOLD)]).answer.status
        == 200
    )


def test_comments_and_cdata_dont_part_a_text() -> None:
    request = message(GET.replace("0000004711", "00000<!-- no -->0<![CDATA[47]]>11"))
    assert ask(protocol(), request, [service_answer(TOLD)]).steps[0].target == "/orders/4711"


def test_prefixes_spaces_and_order_of_an_answer_dont_count() -> None:
    new = ask(protocol(), message(GET), [service_answer(TOLD)]).answer
    legacy = (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{V11}"><SOAP-ENV:Body><ns0:ORDER_GET.Response xmlns:ns0="urn:sap">'
        "<ITEMS>\n<item><DONE>X</DONE><POSNR>000010</POSNR><MATNR>A&amp;B</MATNR></item><item><POSNR>000020</POSNR><MATNR>C</MATNR><DONE/>"
        "</item></ITEMS><HEADER currency='EUR'><ERDAT>20261130</ERDAT><NETWR>19.90</NETWR></HEADER></ns0:ORDER_GET.Response>"
        "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    compare = protocol().comparable
    told = compare(None, message(GET), Answer(200, [], legacy.encode()))
    assert told == compare(None, message(GET), new)
    other = compare(None, message(GET), Answer(200, [], legacy.replace("19.90", "19.91").encode()))
    assert told != other


@settings(deadline=None)
@given(noise=st.binary(max_size=60), at=st.integers(0, 400))
def test_whatever_is_sent_is_a_call_or_untranslatable_and_can_be_refused(noise: bytes, at: int) -> None:
    whole = message(GET)
    broken = whole._replace(body=whole.body[:at] + noise + whole.body[at:])
    with suppress(UntranslatableRequest):  # Any other error fails.
        ask(protocol(), broken, [service_answer(TOLD)])
    fault = etree.fromstring(protocol().refuse(broken, "no").body).find(".//{*}Fault")
    assert fault is not None
