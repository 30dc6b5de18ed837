"""All five protocols, and their versions and dialects, do what a protocol must."""

from __future__ import annotations

import html
import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from strangler.facade.protocol import Answer, Around, Request, ServiceProtocol
from strangler.plugins import load
from strangler.testing.service_protocol import ServiceProtocolSuite

JSON = ("content-type", "application/json")


def opened(kind: str, options: dict[str, Any]) -> ServiceProtocol:
    protocol: ServiceProtocol = load("protocols", kind)(options, Around())
    return protocol


def exactly(answer: Answer) -> Any:
    return json.loads(answer.body, parse_float=Decimal)


class TestRest(ServiceProtocolSuite):
    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        operations = {
            "GET /api/customers/{no}": {
                "ask": "GET /parties/{path.no}",
                "answer": {"customerName": "name", "limits": {"credit": "credit | number"}},
            },
            "PUT /api/customers/{no}": {
                "ask": "PATCH /parties/{path.no}",
                "body": {"name": "body.customerName", "credit": "body.limits.credit | decimal"},
            },
        }
        return opened("rest", {"operations": operations})

    def reading(self, key: str) -> Request:
        return Request("GET", f"/api/customers/{quote(key, safe='')}", [], b"")

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        body = f'{{"customerName":{json.dumps(name)},"limits":{{"credit":{credit}}}}}'.encode()
        return Request("PUT", f"/api/customers/{quote(key, safe='')}", [JSON], body)

    def unknown(self) -> Request:
        return Request("GET", "/api/orders/1", [], b"")

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        told = exactly(answer)
        return told["customerName"], told["limits"]["credit"]

    def fault(self, answer: Answer) -> str | None:
        if answer.status < 300:
            return None
        told = json.loads(answer.body)
        return f"{told['title']} {told.get('detail', '')}"


class TestForm(ServiceProtocolSuite):
    NULLS = False
    TELLS_STATUS = False
    TELLS_FAULTS = False

    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        text = "<h1>{name}</h1><b>{credit | decimal}</b>"
        operations = {
            "view": {"ask": "GET /parties/{id}", "answer": {"text": text}},
            "update": {
                "ask": "PATCH /parties/{id}",
                "body": {"name": "name", "credit": "credit | decimal"},
                "ignore": ["token"],
                "answer": {"location": "/card.php?id={asked:id}"},
            },
        }
        errors = {"*": {"answer": {"text": "<p class='error'>{title}: {detail}</p>"}}}
        return opened("form", {"operation": "action", "operations": operations, "errors": errors})

    def reading(self, key: str) -> Request:
        return Request("GET", f"/card.php?{urlencode({'action': 'view', 'id': key})}", [], b"")

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        fields = {"action": "update", "id": key, "name": name or "", "credit": credit, "token": "secret"}
        headers = [("content-type", "application/x-www-form-urlencoded")]
        return Request("POST", "/card.php", headers, urlencode(fields).encode())

    def unknown(self) -> Request:
        return Request("GET", "/card.php?action=clone&id=1", [], b"")

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        name, _, credit = answer.body.decode().removeprefix("<h1>").removesuffix("</b>").partition("</h1><b>")
        return html.unescape(name), credit

    def fault(self, answer: Answer) -> str | None:
        words = html.unescape(answer.body.decode())
        return words if answer.status >= 400 or "class='error'" in words else None


class Soap(ServiceProtocolSuite):
    NAMESPACE: str
    TYPE: str

    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        operations = {
            "GetCustomer": {
                "ask": "GET /parties/{CustomerNo}",
                "answer": {"Customer": {"Name": "name", "Credit": "credit | decimal"}},
            },
            "ChangeCustomer": {
                "ask": "PATCH /parties/{CustomerNo}",
                "body": {"name": "Data.Name", "credit": "Data.Credit | decimal"},
            },
        }
        return opened("soap", {"namespace": "urn:erp", "operations": operations})

    def message(self, content: str) -> Request:
        body = (
            f'<?xml version="1.0"?><s:Envelope xmlns:s="{self.NAMESPACE}"><s:Header/>'
            f"<s:Body><e:{content}</s:Body></s:Envelope>"
        )
        return Request("POST", "/soap", [("content-type", self.TYPE)], body.encode())

    def reading(self, key: str) -> Request:
        return self.message(
            f'GetCustomer xmlns:e="urn:erp"><CustomerNo>{escape(key)}</CustomerNo></e:GetCustomer>'
        )

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        nil = 'xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        shown = f"<Name {nil}/>" if name is None else f"<Name>{escape(name)}</Name>"
        data = f"<Data>{shown}<Credit> {credit}\n</Credit></Data>"
        return self.message(
            f'ChangeCustomer xmlns:e="urn:erp"><CustomerNo>{escape(key)}</CustomerNo>{data}</e:ChangeCustomer>'
        )

    def unknown(self) -> Request:
        return self.message('DeleteCustomer xmlns:e="urn:erp"/>')

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        body = self.opened(answer)
        found = body.find("{urn:erp}GetCustomerResponse/Customer")
        assert found is not None
        name = found.find("Name")
        return None if name is None else name.text or "", found.findtext("Credit")

    def opened(self, answer: Answer) -> Any:
        assert answer.header("content-type").startswith(self.TYPE.partition(";")[0])
        return etree.fromstring(answer.body)[0]

    def fault(self, answer: Answer) -> str | None:
        fault = self.opened(answer).find(f"{{{self.NAMESPACE}}}Fault")
        return None if fault is None else " ".join(fault.itertext())


class TestSoap11(Soap):
    NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/"
    TYPE = "text/xml; charset=utf-8"


class TestSoap12(Soap):
    NAMESPACE = "http://www.w3.org/2003/05/soap-envelope"
    TYPE = "application/soap+xml; charset=utf-8"


class OData(ServiceProtocolSuite):
    VERSION: int

    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        fields = {"Customer": "id", "CustomerName": "name", "CreditLimit": "credit | decimal"}
        sets = {"Customers": {"path": "/parties", "key": ["Customer"], "fields": fields}}
        return opened("odata", {"version": self.VERSION, "root": "/odata/crm", "sets": sets})

    def address(self, key: str) -> str:
        return f"/odata/crm/Customers('{quote(key.replace(chr(39), chr(39) * 2), safe='')}')"

    def reading(self, key: str) -> Request:
        target = f"{self.address(key)}?$select=CustomerName,CreditLimit"
        return Request("GET", target, [("accept", "application/json"), ("host", "erp")], b"")

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        shown = credit if self.VERSION == 4 else f'"{credit}"'
        body = f'{{"CustomerName":{json.dumps(name)},"CreditLimit":{shown}}}'.encode()
        return Request("PATCH", self.address(key), [JSON, ("accept", "application/json")], body)

    def unknown(self) -> Request:
        return Request("GET", "/odata/crm/Orders('1')", [("accept", "application/json")], b"")

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        told = exactly(answer)
        told = told["d"] if self.VERSION == 2 else told
        return told["CustomerName"], told["CreditLimit"]

    def fault(self, answer: Answer) -> str | None:
        if answer.status < 300:
            return None
        message = json.loads(answer.body)["error"]["message"]
        return str(message["value"] if self.VERSION == 2 else message)


class TestOData2(OData):
    VERSION = 2


class TestOData4(OData):
    VERSION = 4


class Rpc(ServiceProtocolSuite):
    TEXT_KEYS = False

    def post(self, told: str) -> Request:
        return Request("POST", "/rpc", [JSON], told.encode())


class TestTryton(Rpc):
    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        fields = {"id": "id", "name": "name", "credit_limit": "credit | decimal"}
        return opened("jsonrpc", {"model": "party.party", "path": "/parties", "fields": fields})

    def call(self, method: str, *params: Any) -> Request:
        return self.post(json.dumps({"id": 7, "method": f"model.party.{method}", "params": [*params, {}]}))

    def reading(self, key: str) -> Request:
        return self.call("party.read", [int(key)], ["name", "credit_limit"])

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        values = {"name": name, "credit_limit": {"__class__": "Decimal", "decimal": credit}}
        return self.call("party.write", [int(key)], values)

    def unknown(self) -> Request:
        return self.call("category.read", [1], ["name"])

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        [record] = json.loads(answer.body)["result"]
        return record["name"], record["credit_limit"]["decimal"]

    def fault(self, answer: Answer) -> str | None:
        error = json.loads(answer.body).get("error")
        return None if error is None else " ".join(map(str, error[1]))


class TestOdoo(Rpc):
    NULLS = True

    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        fields = {"id": "id", "name": "name | text", "credit_limit": "credit | decimal"}
        options = {"dialect": "odoo", "model": "res.partner", "path": "/parties", "fields": fields}
        return opened("jsonrpc", options)

    def call(self, model: str, method: str, args: str) -> Request:
        named = '{"context":{"lang":"en_US"}}'
        return self.post(
            f'{{"jsonrpc":"2.0","method":"call","id":7,"params":{{"service":"object","method":"execute_kw",'
            f'"args":["db",2,"secret","{model}","{method}",{args},{named}]}}}}'
        )

    def reading(self, key: str) -> Request:
        return self.call("res.partner", "read", f'[[{key}],["name","credit_limit"]]')

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        shown = "false" if name is None else json.dumps(name)
        return self.call("res.partner", "write", f'[[{key}],{{"name":{shown},"credit_limit":{credit}}}]')

    def unknown(self) -> Request:
        return self.call("sale.order", "read", '[[1],["name"]]')

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        [record] = exactly(answer)["result"]
        return None if record["name"] is False else record["name"], record["credit_limit"]

    def fault(self, answer: Answer) -> str | None:
        error = json.loads(answer.body).get("error")
        return None if error is None else str(error["data"]["message"])


class TestStandard(Rpc):
    TEXT_KEYS = True

    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        operations = {
            "customer.get": {
                "ask": "GET /parties/{params.no}",
                "answer": {"name": "name", "credit": "credit | number"},
            },
            "customer.set": {
                "ask": "PATCH /parties/{params.no}",
                "body": {"name": "params.name", "credit": "params.credit | decimal"},
            },
        }
        return opened("jsonrpc", {"dialect": "standard", "operations": operations})

    def call(self, method: str, params: str) -> Request:
        return self.post(f'{{"jsonrpc":"2.0","id":"7","method":"{method}","params":{params}}}')

    def reading(self, key: str) -> Request:
        return self.call("customer.get", json.dumps({"no": key}))

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        params = f'{{"no":{json.dumps(key)},"name":{json.dumps(name)},"credit":{credit}}}'
        return self.call("customer.set", params)

    def unknown(self) -> Request:
        return self.call("customer.drop", "{}")

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        told = exactly(answer)["result"]
        return told["name"], told["credit"]

    def fault(self, answer: Answer) -> str | None:
        error = json.loads(answer.body).get("error")
        return None if error is None else f"{error['message']} {error.get('data', '')}"
