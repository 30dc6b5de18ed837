"""Asking: what callers ask for, and the one answer that is right. Drawn from the seed and the call's id."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final, NamedTuple

LONG: Final = 300_000
"""Bytes of the longest answers and questions, about."""

MODELS: Final = {"party": "party.party", "contact": "party.contact"}
"""Function that is translated → its model in Tryton."""

CALM: Final = "calm"
"""With this begins the id of a call that nothing happens to."""


class Ask(NamedTuple):
    """A call. `write`: it must arrive once at most. `model`: of JSON-RPC, and `number` its id there."""

    id: str
    method: str
    target: str
    write: bool
    body: bytes = b""
    chunked: bool = False
    model: str = ""
    number: int = 0

    def head(self, *more: str) -> bytes:
        lines = [
            f"{self.method} {self.target} HTTP/1.1", "Host: erp", f"X-Request-Id: {self.id}",
            f"Authorization: Bearer {self.id.partition('-')[0]}", *more,
        ]  # fmt: skip
        if self.model:
            lines.append("Content-Type: application/json")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.body or self.method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode()

    def said(self) -> bytes:
        """The body as it is sent."""
        if not self.chunked:
            return self.body
        middle = len(self.body) // 2
        pieces = [piece for piece in (self.body[:middle], self.body[middle:]) if piece]
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def ask(seed: int, name: str) -> Ask:
    """What the call of this name asks for. The id of a write ends with `!`."""
    dice = Random(f"{seed} asks {name}")
    kind = dice.choices(
        ["read", "write", "rpc read", "rpc write", "doing", "unrouted", "unrouted write"],
        [30, 18, 14, 8, 3, 6, 3],
    )[0]
    id = f"{name}!" if kind in ("write", "rpc write", "doing", "unrouted write") else name
    place = dice.choice(["sales", "stocks", "orders", "books"])
    key = dice.randrange(1, 1000)
    match kind:
        case "read":
            method = "HEAD" if dice.random() < 0.1 else "GET"
            return Ask(id, method, f"/{place}/{key}", False)
        case "doing":  # A write by its route, whatever its method says.
            return Ask(id, "GET", f"/orders/do?what=post&key={key}", True)
        case "unrouted":
            return Ask(id, "GET", f"/elsewhere/{key}", False)
        case "rpc read" | "rpc write":
            return _rpc(dice, id, kind == "rpc write", key)
    size = LONG if dice.random() < 0.02 else dice.choice([0, 10, 500, 5000])
    target = f"/elsewhere/{key}" if kind == "unrouted write" else f"/{place}/{key}"
    method = dice.choice(["POST", "PUT", "PATCH", "DELETE"])
    return Ask(id, method, target, True, b"w" * size, chunked=dice.random() < 0.3)


def calm_read(function: str, caller: int) -> Ask:
    """A read of a function, that is answered as it should be."""
    id = f"{CALM}{caller}-{function}"
    if function in MODELS:
        body = {"id": 1, "method": f"model.{MODELS[function]}.read", "params": [[1], ["id", "name"], {}]}
        return Ask(id, "POST", "/rpc/", False, json.dumps(body).encode(), model=MODELS[function], number=1)
    return Ask(id, "GET", f"/{function}s/1", False)


def _rpc(dice: Random, id: str, write: bool, key: int) -> Ask:
    model = dice.choice(list(MODELS.values()))
    number = dice.randrange(1, 1_000_000)
    method: str = "read"
    params: Any = [[key], ["id", "name"]]
    if write:
        method, params = dice.choice(
            [("create", [[{"name": id}]]), ("write", [[key], {"name": id}]), ("delete", [[key]])]
        )
    elif dice.random() < 0.1:
        method, params = "default_get", [["name"]]  # What can't be put to new.
    body: dict[str, Any] = {"id": number, "method": f"model.{model}.{method}", "params": [*params, {}]}
    return Ask(id, "POST", "/rpc/", write, json.dumps(body).encode(), model=model, number=number)


def content(seed: int, id: str) -> bytes:
    """The body that answers a call, the same on both sides; never empty."""
    dice = Random(f"{seed} content {id}")
    size = LONG if dice.random() < 0.02 else dice.choice([0, 50, 700, 9000])
    return json.dumps({"answers": id, "filler": (f"{id}." * size)[:size]}).encode()


def record(key: int, id: str) -> dict[str, Any]:
    """The record that answers a call of JSON-RPC; its name says whose answer it is."""
    return {"id": key, "name": id}
