"""The parts of a request as HAProxy reads them: hexadecimal, since a map has no quotes; nothing where there is none, `?` where it is said
in several ways. The value of a part of the head begins with `=`, so that an empty one is told from none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from strangler.planes.automaton import UNCLEAR, Automaton, Part
from strangler_adapters.dataplanes.ways import OVERRIDES


def coded(part: Part, text: str) -> str:
    """A value as a map has it."""
    return ("" if part.of_path else "=") + text.encode().hex().upper()


def value(part: Part, automaton: Automaton) -> Iterator[str]:
    """What sets `txn.part` to the value of a part; each later line counts where its condition holds."""
    yield "unset-var(txn.part)"
    for line in _ONE[part.kind](part, automaton):
        yield line if line.startswith("set-var") else f"set-var(txn.part) {line}"


def files(automaton: Automaton) -> dict[str, str]:
    """The tables that the expressions look things up in."""
    found: dict[str, str] = {}
    for part in {step.part for step in automaton.steps}:
        values = automaton.values(part)
        if part.kind == "host":
            # The longest end comes first, so that it is the one that counts.
            wide = sorted((name for name in values if name.startswith("*.")), key=len, reverse=True)
            found["domains.map"] = "".join(f"{name[1:]} {coded(part, name)}\n" for name in wide)
            found["hosts.map"] = "".join(
                f"{name} {coded(part, name)}\n" for name in values if not name.startswith("*.")
            )
        if part.kind == "header":
            listed = [value.encode().hex().upper() for value in values if "," in value]
            found[_listed(part)] = "".join(f"{value}\n" for value in listed)
    return found


def _listed(part: Part) -> str:
    """The file of the values with a comma that routes ask for in a header."""
    return f"listed-{part.name}.txt"


def _segment(part: Part, _: Automaton) -> Iterator[str]:
    yield f"var(txn.path),field({part.number + 2},/),url_dec,hex"


def _set(part: Part, _: Automaton) -> Iterator[str]:
    yield f"""'var(txn.path),field({part.number + 2},/),url_dec,regsub("[(].*",""),hex'"""


def _short(part: Part, _: Automaton) -> Iterator[str]:
    yield f"""'var(txn.path),field({part.number + 2},/),url_dec,regsub("[(].*",""),regsub("^.*[.]",""),hex'"""


def _method(_: Part, __: Automaton) -> Iterator[str]:
    yield "method,hex,regsub(^,=)"
    for name in OVERRIDES:
        yield f"str({UNCLEAR}) if {{ method POST }} {{ req.fhdr({name}),length gt 0 }}"


def _host(_: Part, __: Automaton) -> Iterator[str]:
    yield """set-var(txn.host) 'req.hdr(host),host_only,lower,regsub("[.]$","")'"""
    yield "var(txn.host),map_end(domains.map,=)"
    yield "var(txn.host),map_str(hosts.map) if { var(txn.host),map_str(hosts.map) -m found }"


def _header(part: Part, _: Automaton) -> Iterator[str]:
    header = f"req.fhdr({part.name})"
    yield f"{header},hex,regsub(^,=) if {{ {header} -m found }}"
    yield f"str({UNCLEAR}) if {{ {header} -m sub , }} !{{ {header},hex -m str -f {_listed(part)} }}"
    yield f"str({UNCLEAR}) if {{ req.fhdr_cnt({part.name}) gt 1 }}"


def _query(part: Part, _: Automaton) -> Iterator[str]:
    name = re.escape(part.name)
    yield f"url_param({part.name}),url_dec(1),hex,regsub(^,=) if {{ query -m reg '(^|&){name}=' }}"
    yield f"str(=) if {{ query -m reg '(^|&){name}(=?&|=?$)' }}"
    twice = rf"(^|&){name}(=[^&]*)?&(.*&)?{name}([=&]|$)"
    yield f"str({UNCLEAR}) if {{ query -m reg ';|(^|&)[^=&]*[%+]|{twice}' }}"


def _cookie(part: Part, _: Automaton) -> Iterator[str]:
    # An empty one isn't found by its name.
    yield f"str(=) if {{ req.fhdr(cookie) -m reg '(^|;) *{re.escape(part.name)}=' }}"
    yield f"req.cook({part.name}),hex,regsub(^,=) if {{ req.cook({part.name}) -m found }}"
    yield f"str({UNCLEAR}) if {{ req.cook_cnt({part.name}) gt 1 }}"


_ONE = {
    "segment": _segment,
    "set": _set,
    "short": _short,
    "method": _method,
    "host": _host,
    "header": _header,
    "query": _query,
    "cookie": _cookie,
}
