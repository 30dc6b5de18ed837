# ruff: noqa: E501  (the table reads best with one mistake to a line or two)
"""A bad configuration gives one clear message for each thing that is wrong: file, line, key path, what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.configuration import load
from strangler.errors import ConfigurationError

GOOD = """\
name: demo
sources:
  erp: {kind: sqlite, url: "sqlite:///legacy.db"}
stores:
  new: {url: "sqlite:///new.db"}
facade:
  legacy: http://127.0.0.1:8000
functions:
  party:
    source: erp
    store: new
    service: {url: http://127.0.0.1:9001}
    entities:
      party:
        table: party_party
        key: id
        fields:
          id: id
          name: TRIM(name)
    routes:
      - match: {path: "/parties/{id}"}
        kind: read
  product:
    source: erp
    store: new
    depends_on: [party]
    entities:
      product:
        table: product_template
        key: id
        fields: {id: id}
"""


class Bad(NamedTuple):
    """`old` in GOOD becomes `new`; then these lines are expected, each with key path, what and what to write instead."""

    name: str
    old: str
    new: str
    expected: list[tuple[int, str, str, str]]


BY_API = "    return: {{through: api, api: {{requests: {{{entity}: {{insert: {{method: POST, path: /parties}}}}}}{more}}}}}\n"

NAME = "          name: TRIM(name)"

BAD = [
    Bad("unknown key", "sources:", "synk: {}\nsources:", [(2, "synk", "unknown key 'synk'", "sync")]),
    Bad("unknown key of a section", "        kind: read", "        kind: read\n        methd: GET",
        [(23, "functions.party.routes[0].methd", "unknown key 'methd'", "one of: operation")]),
    Bad("missing key", "        table: party_party\n", "",
        [(14, "functions.party.entities.party.table", "'table' is missing", "table: party_party")]),
    Bad("missing section", 'sources:\n  erp: {kind: sqlite, url: "sqlite:///legacy.db"}\n', "",
        [(1, "sources", "'sources' is missing", "kind: postgres")]),
    Bad("empty section", "facade:", "sync:\nfacade:", [(6, "sync", "is empty", "leave the key out")]),
    Bad("wrong type", "facade:", "facade:\n  port: many", [(7, "facade.port", "must be a whole number, not a text", "port: 8080")]),
    Bad("out of range", "facade:", "facade:\n  port: 70000", [(7, "facade.port", "70000 is out of range", "at most 65535")]),
    Bad("number where text belongs", "          name: TRIM(name)", "          name: 42",
        [(19, "functions.party.entities.party.fields.name", "must be a text, not a number", 'name: "42"')]),
    Bad("boolean where text belongs", "          name: TRIM(name)", "          name: true",
        [(19, "functions.party.entities.party.fields.name", "must be a text, not true or false", 'name: "true"')]),
    Bad("a text where the reverse of a field belongs", "          name: TRIM(name)", "          name: {value: TRIM(name), reverse: name}",
        [(19, "functions.party.entities.party.fields.name.reverse", "must be a section with keys, not a text", "")]),
    Bad("no cron expression", "    routes:", "    schedules:\n      - {cron: 0 25 * * *, mode: full}\n      - {cron: daily, mode: full}\n    routes:",
        [(21, "functions.party.schedules[0].cron", "'0 25 * * *' isn't a cron expression (bad hour)", "0 3 * * *"),
         (22, "functions.party.schedules[1].cron", "'daily' hasn't five fields", "minute, hour")]),
    Bad("a schedule that never comes", "    routes:", "    schedules: [{cron: '0 0 30 2 *', mode: full}]\n    routes:",
        [(20, "functions.party.schedules[0].cron", "bad day-of-month", "0 3 * * *")]),
    Bad("the same schedule twice", "    routes:", "    schedules:\n      - {cron: 0 3 * * *, mode: full}\n      - {cron: 0  3 * * *, mode: full}\n    routes:",
        [(22, "functions.party.schedules[1]", "says the same as another one", "leave it out")]),
    Bad("a schedule of no mode", "    routes:", "    schedules: [{cron: 0 3 * * *}, {cron: 0 4 * * *, mode: fast}]\n    routes:",
        [(20, "functions.party.schedules[0].mode", "'mode' is missing", "mode: full"),
         (20, "functions.party.schedules[1].mode", "fast", "full")]),
    Bad("what a schedule's mode doesn't know", "    routes:", "    schedules:\n      - {cron: 0 3 * * *, mode: full, since: 1d, sample: 5}\n    routes:",
        [(21, "functions.party.schedules[0].sample", "is nothing to mode full", "mode: sample"),
         (21, "functions.party.schedules[0].since", "is nothing to mode full", "mode: recent")]),
    Bad("no time zone", "name: demo", "name: demo\ntime_zone: Europe/Berln",
        [(2, "time_zone", "there is no time zone 'Europe/Berln'", "Europe/Berlin")]),
    Bad("a balance of nothing", "    routes:", "    balances: {stock: {of: prty, count: false, tolerance: {owner: me, reason: so}}}\n    routes:",
        [(20, "functions.party.balances.stock", "compares nothing", "count: true"),
         (20, "functions.party.balances.stock.of", "there is no entity 'prty'", "party"),
         (20, "functions.party.balances.stock.tolerance", "tolerates nothing", "within: 0.05")]),
    Bad("a balance that calls two things alike", "    routes:",
        "    balances: {stock: {of: party, by: {id: id, count: id}, sums: {id: id}}}\n    routes:",
        [(20, "functions.party.balances.stock.by.count", "is what the count of rows is called", "another name"),
         (20, "functions.party.balances.stock.sums.id", "is a dimension too", "another name")]),
    Bad("gaps beside sums", "    routes:", "    balances: {numbers: {of: party, gaps: id, sums: id}}\n    routes:",
        [(20, "functions.party.balances.numbers.sums", "stands beside `gaps`", "another balance")]),
    Bad("a tolerance without an owner", "    routes:",
        "    balances: {stock: {of: party, sums: id, tolerance: {within: a cent, reason: ''}}}\n    routes:",
        [(20, "functions.party.balances.stock.tolerance.owner", "'owner' is missing", "owner: finance"),
         (20, "functions.party.balances.stock.tolerance.reason", "has no entries", "reason: "),
         (20, "functions.party.balances.stock.tolerance.within", "must be a number, not a text", "")]),
    Bad("a tolerance of what isn't compared", "    routes:",
        "    balances: {stock: {of: party, tolerance: {within: 1, owner: me, reason: so}}}\n    routes:",
        [(20, "functions.party.balances.stock.tolerance.within", "is about sums, and there are none", "rows: 1")]),
    Bad("a user in an upstream's address", "http://127.0.0.1:8000", "http://me:secret@erp:8000",
        [(7, "facade.legacy", "has a user in it", "http://127.0.0.1:8000")]),
    Bad("a base URL with a query", "http://127.0.0.1:9001", '"http://127.0.0.1:9001/a?x=1"',
        [(12, "functions.party.service.url", "has a query or a fragment", "http://127.0.0.1:9001")]),
    Bad("a base URL with a fragment", "http://127.0.0.1:8000", "http://127.0.0.1:8000/#a",
        [(7, "facade.legacy", "has a query or a fragment", "http://127.0.0.1:8000")]),
    Bad("a base URL with a blank", "legacy: http://127.0.0.1:8000", 'legacy: "http://127.0.0.1:8000/a b"',
        [(7, "facade.legacy", "has blanks", "http://127.0.0.1:8000")]),
    Bad("a base URL with a line end", "legacy: http://127.0.0.1:8000", 'legacy: "http://127.0.0.1:8000/\\r\\nX: y"',
        [(7, "facade.legacy", "has blanks, or characters that stand in no URL", "http://127.0.0.1:8000")]),
    Bad("a base URL of another scheme", "http://127.0.0.1:9001", "ftp://127.0.0.1:9001",
        [(12, "functions.party.service.url", "isn't an HTTP URL", "http://127.0.0.1:9001")]),
    Bad("a base URL without a host", "http://127.0.0.1:8000", "http:///erp",
        [(7, "facade.legacy", "names no host and port", "http://127.0.0.1:8000")]),
    Bad("a base URL of no port", "http://127.0.0.1:8000", "http://127.0.0.1:99999",
        [(7, "facade.legacy", "its host or port can't be read", "http://127.0.0.1:8000")]),
    Bad("failure that is none", "facade:", "facade:\n  breaker: {failures: [connect, often, 200]}",
        [(7, "facade.breaker.failures[1]", "'often' is not a failure", "connect, timeout, reset, protocol, or a status from 400 to 599"),
         (7, "facade.breaker.failures[2]", "200 is not a failure", "a status from 400 to 599")]),
    Bad("breaker that opens on nothing", "facade:", "facade:\n  breaker: {failure_rate: 0%}",
        [(7, "facade.breaker.failure_rate", "out of range", "more than 0")]),
    Bad("header that is no name", "facade:", "facade:\n  budget: {header: 'a: b'}",
        [(7, "facade.budget.header", "'a: b' is not a name of a header", "letters, digits and hyphens, like X-Strangler-Timeout-Ms")]),
    Bad("duration without a unit", "facade:", "facade:\n  total_timeout: 60",
        [(7, "facade.total_timeout", "60 is not a duration", "with a unit, like 500ms")]),
    Bad("share of more than all", "    routes:", "    gates: {shadow: {max_mismatch: 5}}\n    routes:",
        [(20, "functions.party.gates.shadow.max_mismatch", "5 is not a share", "a percentage like 5%")]),
    Bad("a shadow rule of no kind", "    routes:",
        "    shadow:\n      rules:\n        - {path: a, rule: decimals, owner: a, reason: b}\n        - {path: a, owner: a}\n    routes:",
        [(22, "functions.party.shadow.rules[0].rule", "must be one of ignore, unordered", "rule: decimal"),
         (23, "functions.party.shadow.rules[1].reason", "'reason' is missing", "rounded by line"),
         (23, "functions.party.shadow.rules[1].rule", "'rule' is missing", "rule: decimal")]),
    Bad("a shadow rule without what it needs", "    routes:",
        "    shadow:\n      rules:\n        - {path: a, rule: code map, owner: a, reason: b}\n        - {path: a, rule: text, by: id, owner: a, reason: b}\n    routes:",
        [(22, "functions.party.shadow.rules[0]", "a rule `code map` needs `map`", "map: currency"),
         (23, "functions.party.shadow.rules[1]", "a rule `text` needs `ignore`", "ignore: case"),
         (23, "functions.party.shadow.rules[1].by", "has no meaning for `text`", "leave it out")]),
    Bad("shadowed writes where there is nobody to put them to, and none", "    depends_on: [party]",
        "    depends_on: [party]\n    shadow: {writes: true}",
        [(27, "functions.product.shadow.writes", "no route of kind write", "leave it out"),
         (27, "functions.product.shadow.writes", "there is no new service", "service: {url")]),
    Bad("a shadow rule of another distance", "facade:",
        "facade:\n  shadow:\n    rules:\n      - {path: a, rule: decimal, within: 1s, owner: a, reason: b}\n      - {path: a, rule: time, within: 1, zone: Mars, owner: a, reason: b}",
        [(9, "facade.shadow.rules[0].within", "is a duration, and the values are numbers", "within: 0.01"),
         (10, "facade.shadow.rules[1].within", "is a number, and the values are moments", "within: 1s"),
         (10, "facade.shadow.rules[1].zone", "there is no time zone 'Mars'", "Europe/Berlin")]),
    Bad("a shadow rule through a map that can't be had", "functions:\n  party:",
        "code_maps:\n  land: {table: t005, from: a, to: b}\nfunctions:\n  party:\n    shadow:\n      rules:\n        - {path: a, rule: code map, map: lnd, owner: a, reason: b}\n        - {path: a, rule: code map, map: land, owner: a, reason: b}\n        - {path: a, rule: code map, map: land, owner: a, reason: c}",
        [(14, "functions.party.shadow.rules[0].map", "there is no code map 'lnd'", "land"),
         (15, "functions.party.shadow.rules[1].map", "is read from a table", "a code map with `values`"),
         (16, "functions.party.shadow.rules[2]", "says the same as another one", "leave it out"),
         (16, "functions.party.shadow.rules[2].map", "is read from a table", "a code map with `values`")]),
    Bad("not one of the choices", "kind: read", "kind: reed",
        [(22, "functions.party.routes[0].kind", "must be one of read, write", "kind: read")]),
    Bad("list expected", "depends_on: [party]", "depends_on: party",
        [(26, "functions.product.depends_on", "must be a list", "depends_on: [party]")]),
    Bad("name that isn't one", "  product:\n    source", "  Product-Line:\n    source",
        [(23, "functions.Product-Line", "can't be a name here", "product_line")]),
    Bad("duplicate key", "    store: new\n    service", "    store: new\n    store: new\n    service",
        [(12, "functions.party.store", "is here twice, first on line 11", "keep one")]),
    Bad("event name", "        key: id\n        fields:", "        key: id\n        events: {changed: party_changed}\n        fields:",
        [(17, "functions.party.entities.party.events.changed[0].name", "not an event name", "past tense")]),
    Bad("event name in the present", "        key: id\n        fields:", "        key: id\n        events: {changed: PartyChanges}\n        fields:",
        [(17, "functions.party.entities.party.events.changed[0].name", "'PartyChanges' isn't in the past tense", "PartyRenamed")]),
    Bad("unknown source", "    source: erp\n    store: new\n    service", "    source: epr\n    store: new\n    service",
        [(10, "functions.party.source", "there is no source 'epr'", "erp (did you mean this?)")]),
    Bad("unknown store", "    store: new\n    service", "    store: warehouse\n    service",
        [(11, "functions.party.store", "there is no store 'warehouse'", "stores: {warehouse: {url: 'sqlite:///warehouse.db'}}")]),
    Bad("key that isn't a field", "        key: id\n        fields:", "        key: [id, nam]\n        fields:",
        [(16, "functions.party.entities.party.key", "'nam' isn't among the fields", "name")]),
    Bad("tolerance of a field that isn't one", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: nam, ignore: case, owner: a, reason: b}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0].field", "'nam' isn't among the fields", "name")]),
    Bad("tolerance of the key", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: id, within: 1, owner: a, reason: b}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0].field", "id is part of the key", "one of: name")]),
    Bad("tolerance of nothing", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: name, owner: a, reason: b}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0]", "has neither `within` nor `ignore`", "within: 0.01")]),
    Bad("tolerance of two kinds", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: name, within: 1, ignore: case, owner: a, reason: b}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0]", "has `within` and `ignore`", "one of them")]),
    Bad("tolerance that nobody answers for", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: name, ignore: case, owner: ' '}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0].owner", "is empty", "who, or why"),
         (18, "functions.party.entities.party.tolerances[0].reason", "'reason' is missing: why it is so", "rounded by line")]),
    Bad("tolerance of no distance", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: name, within: 1, owner: a, reason: b, until: soon}\n        - {field: name, within: some, ignore: case, owner: a, reason: b}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0].until", "not a day", "2027-01-31"),
         (19, "functions.party.entities.party.tolerances[1].within", "neither a number above 0 nor a duration", "0.01, or 1s")]),
    Bad("tolerance of what can't be ignored", "        key: id\n        fields:",
        "        key: id\n        tolerances:\n        - {field: name, ignore: cases, owner: a, reason: b}\n        fields:",
        [(18, "functions.party.entities.party.tolerances[0].ignore[0]", "must be one of trailing blanks, blanks, case", "case")]),
    Bad("key that is sensitive", "          id: id\n          name", "          id: {value: id, sensitive: true}\n          name",
        [(18, "functions.party.entities.party.fields.id.sensitive", "by the key an entity is named", "sensitive: false")]),
    Bad("sensitive field of nothing but the key", "          name: TRIM(name)", "          name: {value: CAST(id AS TEXT), sensitive: true}",
        [(19, "functions.party.entities.party.fields.name.sensitive", "by the key an entity is named", "sensitive: false")]),
    Bad("check that isn't known", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: not nul}}",
        [(21, "functions.party.entities.party.quality[0].check", 'must be one of not null', 'check: not null')]),
    Bad("unknown key of a check", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: unique, mostlyy: 1}}",
        [(21, "functions.party.entities.party.quality[0].mostlyy", "unknown key 'mostlyy'", 'mostly (did you mean this?)')]),
    Bad("check of a field that isn't there", NAME, f"{NAME}\n        quality:\n          - {{field: nam, check: not null}}",
        [(21, "functions.party.entities.party.quality[0].field", "'nam' isn't among the fields", 'name')]),
    Bad("check without what it needs", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: in set}}",
        [(21, "functions.party.entities.party.quality[0]", 'a check `in set` needs `values`', 'values: [draft, done]')]),
    Bad("check without bounds", NAME, f"{NAME}\n        quality:\n          - {{field: id, check: between}}",
        [(21, "functions.party.entities.party.quality[0]", 'needs `min` or `max`', 'min: 0')]),
    Bad("check with what means nothing to it", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: not null, values: [a]}}",
        [(21, "functions.party.entities.party.quality[0].values", 'has no meaning for `not null`', 'leave it out')]),
    Bad("check of several fields at once", NAME, f"{NAME}\n        quality:\n          - {{field: [id, name], check: not null}}",
        [(21, "functions.party.entities.party.quality[0].field", '`not null` is about one field', 'a check of its own')]),
    Bad("age that is none", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: fresh, within: 5}}",
        [(21, "functions.party.entities.party.quality[0].within", '5 is not a duration', 'with a unit')]),
    Bad("share that is none", NAME, f"{NAME}\n        quality:\n          - {{check: row count near, as: legacy, within: 1d}}",
        [(21, "functions.party.entities.party.quality[0].within", "'1d' is not a share", 'a percentage like 5%')]),
    Bad("rows like something else", NAME, f"{NAME}\n        quality:\n          - {{check: row count near, as: store, within: 1%}}",
        [(21, "functions.party.entities.party.quality[0].as", 'neither `legacy` nor a number of rows', 'as: legacy')]),
    Bad("count of legacy on legacy", NAME, f"{NAME}\n        quality:\n          - {{check: row count near, as: legacy, within: 1%, on: [legacy]}}",
        [(21, "functions.party.entities.party.quality[0].on", 'it is the store whose rows are counted', 'leave it out')]),
    Bad("check of all rows on a sample", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: unique, on: [events]}}",
        [(21, "functions.party.entities.party.quality[0].on", 'events are a sample', '[legacy, store]')]),
    Bad("pattern that isn't the same everywhere", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: matches, pattern: 'a(?=b)'}}",
        [(21, "functions.party.entities.party.quality[0].pattern", '', '')]),
    Bad("presence in what isn't there", NAME, f"{NAME}\n        quality:\n          - {{field: name, check: present in, entity: cuntry}}",
        [(21, "functions.party.entities.party.quality[0].entity", "there is no entity 'cuntry'", 'one of: party')]),
    Bad("presence in a key of other fields", NAME, f"{NAME}\n        quality:\n          - {{field: [id, name], check: present in, entity: product.product}}",
        [(21, "functions.party.entities.party.quality[0].field", 'the key of product.product is id', 'a field for each')]),
    Bad("condition of a check over what isn't there", NAME, f"{NAME}\n        quality:\n          - {{field: id, check: unique, where: stat > 3}}",
        [(21, "functions.party.entities.party.quality[0].where", "'stat' isn't among the fields", 'one of: id, name')]),
    Bad("encryption by a key that isn't there", "facade:", "encryption: {key: k2, keys: {k1: '" + "A" * 43 + "='}}\nfacade:",
        [(6, "encryption.key", "there is no key 'k2' among the keys", "k1")]),
    Bad("key of encryption that is too short", "facade:", "encryption: {key: k1, keys: {k1: c2VjcmV0}}\nfacade:",
        [(6, "encryption.keys.k1", "isn't 32 bytes in base64", "openssl rand -base64 32")]),
    Bad("keys of an issuer that anybody could make", "facade:",
        "facade:\n  identity: {issuer: 'http://id.example.com', audience: [erp]}",
        [(7, "facade.identity.issuer", "isn't an https URL", "http only on this machine")]),
    Bad("keys of an issuer in two places", "facade:",
        "facade:\n  identity: {issuer: 'x', audience: [erp], jwks_url: 'https://id.example.com/k', jwks_file: k.json}",
        [(7, "facade.identity.jwks_file", "stands beside jwks_url", "one of them")]),
    Bad("tokens for nobody, signed by a shared secret", "facade:",
        "facade:\n  identity: {issuer: 'https://id.example.com', audience: [], algorithms: [HS256]}",
        [(7, "facade.identity.algorithms[0]", "must be one of RS256", "RS256"),
         (7, "facade.identity.audience", "has no entries", "audience: [erp]")]),
    Bad("bearer keys that pass where tokens are required", "facade:",
        "facade:\n  identity: {issuer: 'https://id.example.com', audience: [erp], opaque: true}",
        [(7, "facade.identity.opaque", "is about mode optional only", "mode: optional")]),
    Bad("signing by a key that isn't there, for an hour", "facade:",
        "facade:\n  signing: {key: k2, lifetime: 1h, keys: {k1: '" + "A" * 43 + "='}}",
        [(7, "facade.signing.key", "there is no key 'k2' among the keys", "k1"),
         (7, "facade.signing.lifetime", "must be from 3 seconds to a minute", "60s")]),
    Bad("key of signing that is none", "facade:", "facade:\n  signing: {key: k1, keys: {k1: c2VjcmV0}}",
        [(7, "facade.signing.keys.k1", "isn't 32 bytes in base64", "openssl rand -base64 32")]),
    Bad("sessions of an unknown kind", "facade:", "facade:\n  sessions: {kind: trytn}",
        [(7, "facade.sessions.kind", "there is no 'trytn' among the installed sessions", "tryton")]),
    Bad("a role that isn't one", "facade:",
        "facade:\n  identity: {issuer: 'https://id.example.com', audience: [erp], grants: {boss: [erp-ops]}}",
        [(7, "facade.identity.grants.boss", "unknown key 'boss'", "one of: viewer, operator, approver, admin")]),
    Bad("unknown dependency", "[party]", "[pary]",
        [(26, "functions.product.depends_on.pary", "there is no function 'pary'", "party (did you mean this?)")]),
    Bad("dependency on itself", "[party]", "[product]",
        [(26, "functions.product.depends_on.product", "can't depend on itself", "leave it out")]),
    Bad("circle of dependencies", "    service:", "    depends_on: [product]\n    service:",
        [(12, "functions.party.depends_on", "goes in a circle: party → product → party", "break it")]),
    Bad("way back into a database that nothing writes to", "[party]", "[party]\n    return: {url: 'oracle://erp'}",
        [(27, "functions.product.return", "nothing writes to a database of the kind 'oracle'", "a url of one of: mariadb, mysql")]),
    Bad("gate of a plugin that isn't there", "[party]", "[party]\n    gates: {custom: {open_incidents: {kind: incident}}}",
        [(27, "functions.product.gates.custom.open_incidents.kind", "there is no 'incident' in strangler.gates", "installed are")]),
    Bad("guard of no gate", "[party]", "[party]\n    guards: [{gate: error, then: hold}]",
        [(27, "functions.product.guards[0].gate", "there is no gate 'error'", "errors")]),
    Bad("guard twice", "[party]", "[party]\n    guards: [{gate: lag, then: hold}, {gate: lag, for: 5m, then: hold}]",
        [(27, "functions.product.guards[1]", "another guard is 'lag, then hold'", "one of them")]),
    Bad("guard that does nothing", "[party]", "[party]\n    guards: [{gate: lag}]",
        [(27, "functions.product.guards[0].then", "missing", "then: hold")]),
    Bad("one table for two entities", "        table: product_template", "        table: product_template\n        into: party",
        [(30, "functions.product.entities.product.into", "already that of functions.party.entities.party", "product_product")]),
    Bad("table of the store itself", "        table: product_template", "        table: product_template\n        into: strangler_mark",
        [(30, "functions.product.entities.product.into", "belongs to the store itself", "into: product")]),
    Bad("routes without a service", "    service: {url: http://127.0.0.1:9001}\n", "",
        [(9, "functions.party.service", "no service that could answer", "service: {url:")]),
    Bad("routes without a facade", "facade:\n  legacy: http://127.0.0.1:8000\n", "",
        [(1, "facade", "is missing, but party has routes", "facade: {legacy:")]),
    Bad("path without a slash", '"/parties/{id}"', '"parties/{id}"',
        [(21, "functions.party.routes[0].match.path", "begins with a slash", "/parties/{id}")]),
    Bad("weights that fall", "    routes:", "    steps: [{weight: 50%}, {weight: 5%}, {weight: 100%}]\n    routes:",
        [(20, "functions.party.steps", "must rise", "5%, 50%, 100%")]),
    Bad("weights that stop short", "    routes:", "    steps: [{weight: 5%}, {weight: 50%}]\n    routes:",
        [(20, "functions.party.steps", "the last weight must be all of it", "weight: 100%")]),
    Bad("step to nowhere", "    routes:", "    steps: [{hold: 2h}]\n    routes:",
        [(20, "functions.party.steps[0]", "leads to one state", "weight: 5%, or to: live")]),
    Bad("steps out of order", "    routes:", "    steps: [{to: live}, {to: shadow}]\n    routes:",
        [(20, "functions.party.steps[1]", "shadow doesn't come after the step before it", "the order is")]),
    Bad("gate that isn't there", "    routes:", "    steps: [{weight: 100%, gate: drfit}]\n    routes:",
        [(20, "functions.party.steps[0].gate", "there is no gate 'drfit'", "drift")]),
    Bad("gate that says nothing yet", "    routes:", "    steps: [{weight: 100%, gate: late writes}]\n    routes:",
        [(20, "functions.party.steps[0].gate", "doesn't own before it is live", "leave it out")]),
    Bad("way back by an API that knows another entity", "    routes:", BY_API.format(entity="prty", more="") + "    routes:",
        [(20, "functions.party.return.api.requests", "says nothing of the entity party", "party: {insert: {method: POST"),
         (20, "functions.party.return.api.requests.prty", "there is no entity 'prty'", "party")]),
    Bad("way back by an API that the fence refuses", "    routes:",
        BY_API.format(entity="party", more="") + "    fence: {by: trigger}\n    routes:",
        [(21, "functions.party.fence.keep", "refuses legacy's own API, too", "keep: false")]),
    Bad("way back by an API that isn't HTTP", "    routes:",
        BY_API.format(entity="party", more=", url: 'ftp://erp'") + "    routes:",
        [(20, "functions.party.return.api.url", "isn't an HTTP URL", "https://")]),
    Bad("way back by an API with a user in its address", "    routes:",
        BY_API.format(entity="party", more=", url: 'https://me:secret@erp'") + "    routes:",
        [(20, "functions.party.return.api.url", "wouldn't be told: return.api.headers has them", "https://")]),
    Bad("telling fence that isn't kept", "    routes:", "    fence: {by: tell, keep: false}\n    routes:",
        [(20, "functions.party.fence", "leave out `roles` and `keep`", "")]),
    Bad("window that isn't there", "    routes:", "    steps: [{weight: 100%, window: weekend}]\n    routes:",
        [(20, "functions.party.steps[0].window", "there is no window 'weekend'", "windows: {weekend:")]),
    Bad("freeze without a time", "functions:", "freezes: [{name: period close}]\nfunctions:",
        [(8, "freezes[0]", "doesn't say when it is", "monthly: last 2 days .. 5")]),
    Bad("freeze that ends before it begins", "functions:", "freezes: [{name: x, from: 2026-12-20, to: 2026-12-01}]\nfunctions:",
        [(8, "freezes[0].to", "lies before `from`", "a day from 2026-12-20 on")]),
    Bad("monthly time that isn't read", "functions:", "freezes: [{name: x, monthly: every Friday}]\nfunctions:",
        [(8, "freezes[0].monthly", "isn't days of a month", "last 2 days .. 5")]),
    Bad("no URL", "sqlite:///new.db", "new.db", [(5, "stores.new.url", "isn't a URL", "sqlite:///file.db")]),
    Bad("database in memory", "sqlite:///new.db", "sqlite://", [(5, "stores.new.url", "would be lost", "sqlite:///file.db")]),
    Bad("upstream that isn't HTTP", "legacy: http:", "legacy: ftp:", [(7, "facade.legacy", "isn't an HTTP URL", "http://")]),
    Bad("unknown connector", "kind: sqlite", "kind: sqlit", [(3, "sources.erp.kind", "no 'sqlit' among the installed connectors", "sqlite")]),
    Bad("unknown kind of store", "sqlite:///new.db", "oracle://h/x", [(5, "stores.new.url", "no 'oracle' among the installed stores", "postgresql")]),
    Bad("variable that isn't set", "sqlite:///new.db", "${NEW_URL}",
        [(5, "stores.new.url", "the environment variable NEW_URL isn't set", "set NEW_URL")]),
    Bad("reference that names nothing", "sqlite:///new.db", "${1x}",
        [(5, "stores.new.url", "${1x} names no environment variable", "${NAME:-default}")]),
    Bad("code map without codes", "facade:", "code_maps: {unit: {}}\nfacade:",
        [(6, "code_maps.unit", "has neither `values` nor a `file` nor a `table`", "values: {'001': EUR}")]),
    Bad("code map of two origins", "facade:", "code_maps: {unit: {values: {A: B}, file: a.csv}}\nfacade:",
        [(6, "code_maps.unit", "has `values` and `file`", "or file")]),
    Bad("code map of mixed meanings", "facade:", "code_maps:\n  unit:\n    values:\n      A: x\n      B: 7\nfacade:",
        [(10, "code_maps.unit.values.B", "is a whole number, and others of the map are texts", '"7" (quotes make it a text)')]),
    Bad("code that means a boolean", "facade:", "code_maps:\n  unit:\n    values:\n      A: true\nfacade:",
        [(9, "code_maps.unit.values.A", "neither a text nor a whole number", "quotes make it a text")]),
    Bad("code twice", "facade:", "code_maps:\n  unit:\n    values:\n      A: x\n      A: y\nfacade:",
        [(10, "code_maps.unit.values.A", "is here twice, first on line 9", "keep one")]),
    Bad("code that means too large a number", "facade:", "code_maps: {unit: {values: {A: 9223372036854775808}}}\nfacade:",
        [(6, "code_maps.unit.values.A", "does not fit 64 bits", "quotes")]),
    Bad("columns without a file", "facade:", "code_maps: {unit: {values: {A: x}, from: a}}\nfacade:",
        [(6, "code_maps.unit", "`from` and `to` are columns of a file or a table", "leave them out")]),
    Bad("code map of a table without its columns", "facade:", "code_maps: {unit: {table: t006, from: msehi}}\nfacade:",
        [(6, "code_maps.unit", "doesn't say which columns of the table are meant", "from: land1, to: landx")]),
    Bad("condition without a table", "facade:", "code_maps: {unit: {values: {A: x}, where: a = 1}}\nfacade:",
        [(6, "code_maps.unit.where", "is about a table, and there is none", "leave it out")]),
    Bad("Python function that isn't one", "facade:", "python: {f: {call: f, takes: [text], gives: text}}\nfacade:",
        [(6, "python.f.call", "not a module and a name in it", "my_module:my_name")]),
    Bad("Python function of an unknown type", "facade:", "python: {f: {call: 'm:f', takes: [string], gives: text}}\nfacade:",
        [(6, "python.f.takes[0]", "string", "text")]),
    Bad("code map whose file isn't there", "facade:", "code_maps: {unit: {file: maps/unit.csv}}\nfacade:",
        [(6, "code_maps.unit.file", "maps/unit.csv: there is no such file", "a CSV file at")]),
    Bad("tab", "  erp:", "\terp:", [(3, "", "not valid YAML", "indent with spaces, not tabs")]),
    Bad("bracket left open", "key: id\n        fields:", "key: [id\n        fields:", [(17, "", "not valid YAML", "the closing bracket")]),
    Bad("colon in a plain text", "TRIM(name)", "a: b", [(19, "", "mapping values are not allowed", "quotes")]),
    Bad("a tag", "kind: read", "kind: !!python/name:os.system read", [(22, "functions.party.routes[0].kind", "isn't known here", "without a tag")]),
    Bad("two at once", "facade:", "synk: {}\nfacade:\n  prot: 1",
        [(6, "synk", "unknown key 'synk'", "sync"), (8, "facade.prot", "unknown key 'prot'", "port")]),
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "strangler.yaml"
    path.write_text(GOOD)
    return path


def test_the_good_one_loads(config: Path) -> None:
    assert list(load(config, {}).functions) == ["party", "product"]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_each_mistake_is_told_with_its_place_and_its_remedy(bad: Bad, config: Path) -> None:
    assert GOOD.count(bad.old) >= 1
    config.write_text(GOOD.replace(bad.old, bad.new, 1))
    with pytest.raises(ConfigurationError) as caught:
        load(config, {})
    found = caught.value.problems
    assert len(found) == len(bad.expected), str(caught.value)
    for problem, (line, path, what, instead) in zip(found, bad.expected, strict=True):
        assert (problem.file, problem.line, problem.path) == (str(config), line, path)
        assert what in problem.what
        assert instead in problem.instead


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_the_command_line_says_it_without_traceback_and_changes_nothing(
    bad: Bad, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEW_URL", raising=False)
    config.write_text(GOOD.replace(bad.old, bad.new, 1))
    before = sorted(config.parent.iterdir())
    result = CliRunner().invoke(root, ["-c", str(config), "config", "check", "--offline"])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    for line, path, what, _ in bad.expected:
        assert f"{config}:{line}: {path}".rstrip(": ") in result.stderr
        assert what in result.stderr
    assert sorted(config.parent.iterdir()) == before


def test_a_wrong_type_hides_no_mistake_elsewhere(config: Path) -> None:
    config.write_text(
        GOOD.replace("facade:", "facade:\n  port: many").replace("source: erp", "source: epr", 1)
    )
    with pytest.raises(ConfigurationError) as caught:
        load(config, {})
    assert [problem.path for problem in caught.value.problems] == ["facade.port", "functions.party.source"]


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "- a\n- b\n", "just a text\n", "1\n", "\x00", "a: &a [*a]\n"]
)
def test_what_is_no_configuration_at_all_is_told_too(content: str, config: Path) -> None:
    config.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load(config, {})
    assert all(problem.what for problem in caught.value.problems)


def test_a_file_in_another_encoding(config: Path) -> None:
    config.write_bytes(b"name: demo\n# caf\xe9\n")
    with pytest.raises(ConfigurationError, match=":2: the file isn't text in UTF-8"):
        load(config, {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "nowhere.yaml", "config", "check"], "there is no configuration at nowhere.yaml"),
        (["-c", ".", "config", "check"], "the configuration . can't be read"),
        (["confg", "check"], "Did you mean 'config'?"),
        (["config", "chek"], "check"),
    ],
)
def test_a_slip_on_the_command_line(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(root, arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_way_back_by_an_api_that_is_nowhere(config: Path) -> None:
    """By default it is `facade.legacy`; without a facade it has to be said."""
    start, end = GOOD.index("    routes:"), GOOD.index("  product:")
    facade = GOOD[GOOD.index("facade:") : GOOD.index("functions:")]
    text = (GOOD[:start] + BY_API.format(entity="party", more="") + GOOD[end:]).replace(facade, "")
    config.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(config, {})
    [problem] = caught.value.problems
    assert (problem.path, problem.what) == (
        "functions.party.return.api.url",
        "is missing, and there is no facade.legacy to take",
    )
