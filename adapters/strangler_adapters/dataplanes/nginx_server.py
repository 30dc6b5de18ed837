"""The `server` of nginx: what becomes of a call once its way is known."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from strangler.planes.plane import COMPARER, Plane
from strangler_adapters.dataplanes.nginx_tables import AGAIN, certified, scheme, table
from strangler_adapters.dataplanes.ways import BROKEN, DOTS, REPLACED, Ways, odd

HEADERS: Final = r"""map $http_upgrade $strangler_connection {
    default "upgrade";
    "" "";
}
"""


def server(plane: Plane, ways: Ways, path: str, quick: Iterable[str]) -> str:
    """The server block, and the tables that only it uses. `path`: the regular expression that takes a path apart; `quick`: what
    is done with calls that need none of it."""
    # Not the facade's own pseudonym: a call that goes on to it hasn't been there yet.
    pseudonym = f"{plane.pseudonym}-nginx"
    # What stands in Via before the name of this proxy; `loop` where that is there already.
    via = [("", ""), (f"~(?:^|[ ,])1.1 {pseudonym}(?:[ ,]|$)", "loop")]
    return (
        _shapes(plane)
        + HEADERS
        + certified(ways)
        + table("$http_via", "$strangler_via", via, default="$http_via, ", plain=False)
        + table("$uri", "$strangler_path", [(f"~{path}", "1")], default="", plain=False)
        + "\n"
        + _SERVER.format(
            listen=plane.listen,
            generation=_generation(plane),
            refusals=_refusals(plane, ways),
            quick="\n        ".join(quick),
            again=AGAIN,
            jumps=_jumps(ways),
            headers=_headers(pseudonym),
            quick_headers=_headers(pseudonym, upgrading=False).replace("\n", "\n    "),
            connect=_seconds(plane.limits.connect),
            total=_seconds(plane.limits.total),
            mirrors=_mirrors(plane, ways),
        )
    )


def _shapes(plane: Plane) -> str:
    """Paths that aren't to be matched: those that everybody refuses, and those that can be read in several ways."""
    rows = [(f"~*^[^?]*(?:{DOTS}|{BROKEN})", "bad"), (f"~*^[^?]*(?:{odd(plane)})", "odd")]
    return table("$request_uri", "$strangler_shape", rows, default="", plain=False)


def _refusals(plane: Plane, ways: Ways) -> str:
    """One for each status, since nginx wants to know it beforehand. What a block adds replaces what stands outside of it."""
    return "\n        ".join(
        _REFUSAL.format(status=status, phrase=HTTPStatus(status).phrase, generation=_generation(plane))
        for status in sorted({refuse.status for refuse in ways.refused.values()})
    )


def _generation(plane: Plane) -> str:
    return f'add_header X-Strangler-Generation "{plane.stamp.generation}" always;'


def _jumps(ways: Ways) -> str:
    return "if ($strangler_kind = write) { return 470; }" + (
        "\n        if ($strangler_kind = mirror) { return 471; }" if ways.mirrors else ""
    )


def _headers(pseudonym: str, *, upgrading: bool = True) -> str:
    lines = [
        "proxy_set_header Host $http_host;",
        "proxy_set_header X-Forwarded-Host $http_host;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto http;",
        f'proxy_set_header Via "${{strangler_via}}1.1 {pseudonym}";',
        f"proxy_set_header Upgrade {'$http_upgrade' if upgrading else _EMPTY};",
        f"proxy_set_header Connection {'$strangler_connection' if upgrading else _EMPTY};",
        *(f'proxy_set_header {name} "";' for name in REPLACED),
    ]
    return "\n    ".join(lines)


def _mirrors(plane: Plane, ways: Ways) -> str:
    if not ways.mirrors:
        return ""
    target = plane.upstreams[COMPARER]
    headers = _headers(f"{plane.pseudonym}-nginx").replace('X-Strangler-Mirror ""', 'X-Strangler-Mirror "1"')
    return _MIRRORS.format(
        url=f"{scheme(target)}://strangler_{COMPARER}{target.base}",
        headers=headers.replace("\n", "\n    "),
    )


def _seconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


_EMPTY: Final = '""'
"""The value of a header that isn't sent."""

_REFUSAL: Final = """if ($strangler_status = {status}) {{
            add_header Retry-After $strangler_retry_after always;
            {generation}
            return {status} '{{"type":"about:blank","title":"{phrase}","status":{status},"detail":"$strangler_why"}}';
        }}"""

_SERVER: Final = """server {{
    listen {listen};
    client_max_body_size 0;
    large_client_header_buffers 4 64k;
    underscores_in_headers on;
    {generation}

    {headers}
    proxy_http_version 1.1;
    proxy_redirect off;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_pass_header Server;
    proxy_pass_header Date;
    proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Charset;
    proxy_ssl_server_name on;
    proxy_ssl_name $strangler_certified;
    proxy_connect_timeout {connect};
    proxy_send_timeout {total};
    proxy_read_timeout {total};
    # What may be a write is sent once (invariant 4 asks for more than this, but for no less).
    proxy_next_upstream off;

    error_page 470 = @strangler_write;
    error_page 471 = @strangler_mirrored;
    error_page 472 = @strangler_careful;
    recursive_error_pages on;

    location / {{
        if ($strangler_via = loop) {{ return 508; }}
        if ($http_upgrade) {{ return 472; }}
        {quick_headers}
        {quick}
    }}

    location @strangler_careful {{
        default_type application/problem+json;
        # This takes the path apart.
        set $strangler_taken $strangler_path;
        set $strangler_area $strangler_function;
        {refusals}
        {jumps}
        {again}
        proxy_pass $strangler_target$request_uri;
    }}

    location @strangler_write {{
        proxy_pass $strangler_target$request_uri;
    }}
{mirrors}}}
"""

_MIRRORS: Final = """
    location @strangler_mirrored {{
        mirror /.strangler-mirror;
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 2;
        proxy_pass $strangler_target$request_uri;
    }}

    location = /.strangler-mirror {{
        internal;
        access_log off;
        {headers}
        # The comparer answers at once and compares afterwards; a connection isn't held up by one that doesn't.
        proxy_connect_timeout 50ms;
        proxy_send_timeout 50ms;
        proxy_read_timeout 50ms;
        proxy_next_upstream error timeout;
        proxy_pass {url}$request_uri;
    }}
"""
