"""The Lua of HAProxy's export: a copy of a read to the comparer, sent apart from the caller's call, which doesn't wait for it."""

from __future__ import annotations

from strangler.planes.plane import Plane, Upstream

WAITING = 256
"""Most copies under way; beyond them none is sent."""


def mirror(plane: Plane, comparer: Upstream) -> str:
    """The text of the file."""
    url = f"{'https' if comparer.tls else 'http'}://{comparer.address}{comparer.base}"
    return _TEXT.replace("@URL@", url).replace("@WAITING@", str(WAITING)).replace("@STAMP@", str(plane.stamp))


_TEXT = """-- @STAMP@
-- A copy of a read for the comparer. The caller's call goes on at once; copies beyond @WAITING@ under way are left out.

local waiting = 0

local function send(method, target, headers)
    local client = core.httpclient()
    local call = { url = "@URL@" .. target, headers = headers, timeout = 5000 }
    pcall(function()
        if method == "HEAD" then client:head(call) else client:get(call) end
    end)
    waiting = waiting - 1
end

core.register_action("strangler_mirror", { "http-req" }, function(txn)
    if waiting >= @WAITING@ then return end
    waiting = waiting + 1
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        headers[name] = {}
        for place, value in pairs(values) do headers[name][place + 1] = value end
    end
    headers["x-strangler-mirror"] = { "1" }
    local method, target = txn.sf:method(), txn.sf:pathq()
    core.register_task(function() send(method, target, headers) end)
end)
"""
