"""There and back over columns of every type: what the store has of a row makes the same row in legacy again, byte for byte.

Random rows, the same in each run, go through the mapping into a store, are read from that, and are written to legacy by the inverse: as new
ones where they have been removed, and over others of other values. Legacy is compared as its database writes it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from strangler import assembly
from strangler.changes import Position
from strangler.events import Effect, Event, encode_key
from strangler.mapping import EntityMapping, canonical_columns
from strangler.mapping.canonical import value_of
from strangler.ports import Mark
from strangler.rereading import reread
from strangler.returning import writing
from tests.returning.orders import Orders, quoted

ROWS: Final = 60

Literal = Callable[[random.Random], str]
"""Makes a value as SQL."""

TEXTS: Final = (
    "", " ", "a", "  a ", "O'Neil", "Łódź", "ß", "日本", "á", "back\\slash", "%s ?", "NULL", "0000004711", "tab\t", "line\nend",
    "\U0001f600",
)  # fmt: skip


def among(*values: object) -> Literal:
    return lambda chance: str(chance.choice(values))


def text(longest: int = 40, encoding: str = "utf-8") -> Literal:
    def made(chance: random.Random) -> str:
        whole = "".join(chance.choice(TEXTS) for _ in range(chance.randrange(4)))
        return quoted(whole.encode(encoding, "ignore").decode(encoding)[:longest])

    return made


def whole(bits: int, unsigned: bool = False) -> Literal:
    least, greatest = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return lambda chance: str(chance.choice([least, greatest, 0, 1, chance.randint(least, greatest)]))


def decimal(before: int, behind: int) -> Literal:
    def made(chance: random.Random) -> str:
        digits = "".join(chance.choice("0123456789") for _ in range(behind)) or "0"
        return f"{chance.choice('-+')}{chance.randrange(10 ** chance.randint(0, before))}.{digits}".lstrip(
            "+"
        )

    return made


def floating(single: bool = False, beyond: bool = False) -> Literal:
    """Without -0, which every database takes for 0. `beyond`: with what isn't a number, and with no end."""

    def made(chance: random.Random) -> str:
        if beyond and chance.randrange(4) == 0:
            return chance.choice(["'NaN'", "'Infinity'", "'-Infinity'"])
        if single:
            return repr(chance.randrange(-(2**20), 2**20) / 2 ** chance.randrange(12))
        return repr(chance.choice([0.0, 0.1, 1e16, 1e-7, 5e-200, chance.random(), -chance.random() * 1e20]))

    return made


def moment(form: str, digits: int = 6) -> Literal:
    def made(chance: random.Random) -> str:
        part = f"{chance.randrange(10**digits):0{digits}}" if digits else ""
        year, month, day = chance.randint(1971, 2037), chance.randint(1, 12), chance.randint(1, 28)
        clock = f"{chance.randrange(4, 24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
        return quoted(
            form.format(day=f"{year}-{month:02}-{day:02}", clock=clock + ("." + part if part else ""))
        )

    return made


def data(longest: int, form: str, exactly: bool = False) -> Literal:
    return lambda chance: form.format(
        chance.randbytes(longest if exactly else chance.randrange(longest)).hex()
    )


def bits(longest: int, form: str, exactly: bool = True) -> Literal:
    return lambda chance: form.format(
        "".join(chance.choice("01") for _ in range(longest if exactly else chance.randint(1, longest)))
    )


JSON: Final = among("""'{"b": 1, "a": [1.50, "ß", null]}'""", "'[]'", "'\"x\"'", "'{\"a\":{}}'", "'null'")


def uuid(chance: random.Random) -> str:
    return quoted(str(UUID(int=chance.getrandbits(128), version=4)))


POSTGRES: Final[dict[str, Literal]] = {
    "smallint": whole(16), "integer": whole(32), "bigint": whole(64), "oid": whole(32, unsigned=True),
    "real": floating(single=True, beyond=True),
    "double precision": floating(beyond=True), "numeric": decimal(30, 12), "numeric(16,4)": decimal(12, 4), "numeric(6,0)": decimal(6, 0),
    "money": decimal(9, 2), "boolean": among(True, False), "text": text(), "varchar(40)": text(), "varchar": text(), "char(8)": text(8),
    "name": text(20), "bytea": data(30, r"'\x{}'"), "date": moment("{day}"), "time": moment("{clock}"), "time(0)": moment("{clock}", 0),
    "timetz": moment("{clock}+02"), "timestamp": moment("{day} {clock}"), "timestamp(3)": moment("{day} {clock}", 3),
    "timestamptz": moment("{day} {clock}+05:30"), "interval": among("'1 mon 2 days 03:04:05.6'", "'-1 day'", "'00:00:00'"), "uuid": uuid,
    "json": JSON, "jsonb": JSON, "inet": among("'10.0.0.1'", "'::1'", "'10.0.0.0/8'"),
    "cidr": among("'10.0.0.0/8'"), "macaddr": among("'08:00:2b:01:02:03'"), "bit(5)": bits(5, "B'{}'"),
    "varbit(9)": bits(9, "B'{}'", exactly=False), "integer[]": among("'{1,2,NULL}'", "'{}'", "'{{1},{2}}'"),
    "text[]": among("'{\"a b\",\"c,d\",ß}'"), "mood": among("'good'", "'so ''so'''"), "code": text(6),
    "tsvector": among("'''a'':1 ''b'':2'"),
    "point": among("'(1.5,-2)'"), "int4range": among("'[1,5)'", "'empty'"), "tstzrange": among("'[2026-01-01 00:00+00,)'"),
}  # fmt: skip
"""Type → how a value of it is made."""

MARIADB: Final[dict[str, Literal]] = {
    "tinyint": whole(8), "tinyint unsigned": whole(8, unsigned=True), "smallint": whole(16), "smallint unsigned": whole(16, unsigned=True),
    "mediumint": whole(24), "mediumint unsigned": whole(24, unsigned=True), "int": whole(32), "int unsigned": whole(32, unsigned=True),
    "int(6) unsigned zerofill": whole(19, unsigned=True), "bigint": whole(64), "bigint unsigned": whole(63, unsigned=True),
    "float": floating(single=True),
    "double": floating(), "decimal(16,4)": decimal(12, 4), "decimal(65,30)": decimal(35, 30), "decimal(6,0)": decimal(6, 0),
    "bit(1)": bits(1, "b'{}'"), "bit(12)": bits(12, "b'{}'"), "char(8)": text(8), "varchar(40)": text(),
    "varchar(40) CHARACTER SET latin1": text(encoding="latin-1"), "varchar(40) COLLATE utf8mb4_bin": text(),
    "text CHARACTER SET utf8mb3": lambda chance: text()(chance).replace("\U0001f600", "x"), "mediumtext": text(), "binary(8)": data(8,
    "x'{}'", exactly=True),
    "varbinary(20)": data(20, "x'{}'"), "blob": data(30, "x'{}'"), "date": moment("{day}"), "time": moment("{clock}", 0),
    "time(3)": moment("{clock}", 3),
    "datetime": moment("{day} {clock}", 0), "datetime(6)": moment("{day} {clock}"), "timestamp(6) NULL": moment("{day} {clock}"),
    "timestamp NULL": moment("{day} {clock}", 0), "year": among(1901, 2026, 2155), "enum('a','b c','o''x')": among("'a'", "'b c'",
    "'o''x'"),
    "set('a','b','c')": among("''", "'a'", "'a,c'", "'a,b,c'"), "json": JSON, "uuid": uuid, "inet6": among("'::1'",
    "'2001:db8::ff00:42:8329'"),
    "point": among("ST_GeomFromText('POINT(1.5 -2)')"),
}  # fmt: skip

CONFIGURATION: Final = """
name: test
data_dir: {home}/data
control: {{url: sqlite:///{home}/control.db}}
sources:
  erp: {{kind: {connector}, url: "{legacy}"}}
stores:
  service: {{url: "{store}"}}
functions:
  sales:
    source: erp
    store: service
    return: {{}}
    entities:
      order:
        table: odd
        into: orders
        key: [id]
        fields: {{id: id, FIELDS}}
"""


class Odd(Orders):
    """A legacy table with a column `c0`, `c1` … of each type, and random rows in it."""

    def __init__(self, home: Path, legacy: str, types: dict[str, Literal]) -> None:
        self.types = dict(enumerate(types.items()))
        fields = ", ".join(f"c{number}: c{number}" for number in self.types)
        super().__init__(
            home, legacy, f"sqlite:///{home}/service.db", CONFIGURATION.replace("FIELDS", fields)
        )

    def create(self) -> None:
        if self.dialect == "postgres":
            self.write("CREATE TYPE mood AS ENUM ('good', 'so ''so''')", "CREATE DOMAIN code AS varchar(6)")
        columns = ", ".join(f"c{number} {type}" for number, (type, _) in self.types.items())
        self.write(f"CREATE TABLE odd (id integer PRIMARY KEY, {columns})")

    def row(self, chance: random.Random) -> list[str]:
        """Values as SQL, one in six of them NULL."""
        return ["NULL" if chance.randrange(6) == 0 else make(chance) for _, make in self.types.values()]

    def fill_legacy(self, chance: random.Random) -> None:
        self.write(*(f"INSERT INTO odd VALUES ({n}, {', '.join(self.row(chance))})" for n in range(ROWS)))

    def overwrite(self, chance: random.Random) -> None:
        """Other values in every row."""
        rows = [self.row(chance) for _ in range(ROWS)]
        sets = [", ".join(f"c{number} = {value}" for number, value in enumerate(row)) for row in rows]
        self.write(*(f"UPDATE odd SET {each} WHERE id = {n}" for n, each in enumerate(sets)))

    def written(self) -> list[dict[str, str]]:
        """Legacy's rows as its database writes them, byte for byte, by type."""
        names = [_said(type, f"c{number}", self.dialect) for number, (type, _) in self.types.items()]
        types = [type for type, _ in self.types.values()]
        found = self.legacy_rows(f"SELECT {', '.join(names)} FROM odd ORDER BY id")
        return [dict(zip(types, row, strict=True)) for row in found]

    def forward(self, mapping: EntityMapping) -> dict[str, dict[str, Any]]:
        """What the mapping makes of legacy's rows now, by key."""
        keys = [encode_key([n]) for n in range(ROWS)]
        with closing(assembly.source(self.settings, "erp")) as source, closing(source.reader()) as side:
            found = reread(mapping, side, keys)
        assert {key: each.fault for key, each in found.items() if each.fault} == {}
        return {key: each.data for key, each in found.items() if each.data is not None}

    def through_the_store(self, mapping: EntityMapping) -> dict[str, dict[str, Any]]:
        """Legacy's rows as the store has them, once they are delivered."""
        with closing(assembly.store(self.settings, "service")) as store:
            store.prepare([mapping.shape])
            store.mark("sales/0")
            events = [
                Event("", "sales", "order", Effect.UPSERT, key, Position("1"), 0.0, mapping.version, data)
                for key, data in self.forward(mapping).items()
            ]
            store.apply(events, Mark("sales/0", "1", Position("1")))  # type: ignore[arg-type]
            types = mapping.shape.types()
            with closing(store.reader()) as side:
                columns = ", ".join(canonical_columns(mapping.shape, side.dialect))
                names = [field.name for field in mapping.shape.fields]
                return {
                    encode_key([int(texts[0])]): {
                        name: value_of(each, type)
                        for name, each, type in zip(names, texts, types, strict=True)
                    }
                    for texts in side.rows(f"SELECT {columns} FROM {mapping.shape.table}")
                }

    def back(self, mapping: EntityMapping, new: dict[str, dict[str, Any]]) -> None:
        """Make legacy what the store has."""
        legacy = self.forward(mapping)
        with closing(assembly.writer(self.settings, "sales")) as writer:
            writer.prepare()
            with writer.transaction() as transaction:
                for key, state in new.items():
                    row = writing.lock(transaction, mapping, {"id": state["id"]})
                    writing.write(transaction, mapping, row, legacy.get(key), state)
                transaction.record(())


@pytest.fixture(params=["postgres", "mariadb"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Odd]:
    types = POSTGRES if request.param == "postgres" else MARIADB
    made = Odd(tmp_path, request.getfixturevalue(f"{request.param}_url"), types)
    made.create()
    yield made
    made.control.close()


@pytest.mark.parametrize("seed", [7, pytest.param(None, marks=pytest.mark.nightly)])
def test_a_row_is_in_legacy_again_as_it_was(odd: Odd, seed: int | None) -> None:
    seed = random.randrange(10**6) if seed is None else seed
    chance = random.Random(seed)
    odd.fill_legacy(chance)
    before = odd.written()
    with odd.mapping() as mapping:
        assert (mapping.inverse.lost, mapping.inverse.empty) == ((), ())
        alike = {odd.types[int(name[1:])][0] for name in mapping.inverse.respelled}
        assert alike == ({"numeric"} if odd.dialect == "postgres" else set())
        new = odd.through_the_store(mapping)
        assert len(new) == ROWS
        odd.overwrite(chance)
        assert odd.written() != before
        odd.back(mapping, new)
        assert unlike(before, odd.written(), alike) == {}, "written over others"
        odd.write("DELETE FROM odd")
        odd.back(mapping, new)
        assert unlike(before, odd.written(), alike) == {}, "written anew"


def unlike(before: list[dict[str, str]], after: list[dict[str, str]], alike: set[str]) -> dict[str, object]:
    """What isn't as it was, by type, with what was and what is; of those that may be spelled otherwise what is another number."""
    return {
        type: (was, row_after[type])
        for row, row_after in zip(before, after, strict=True)
        for type, was in row.items()
        if was != row_after[type] and not (type in alike and Decimal(was) == Decimal(row_after[type]))
    }


def _said(type: str, name: str, dialect: str) -> str:
    """SQL that tells a value to the last byte."""
    if dialect == "postgres":
        return f"{name}::text"
    if type == "point":
        return f"HEX(ST_AsBinary({name}))"
    return f"CONCAT(HEX({name}), ' ', HEX(CAST({name} AS CHAR)))"


def test_a_day_that_is_all_zeros_stays_where_new_has_not_touched_it(mariadb_url: str, tmp_path: Path) -> None:
    """It reads as NULL, and NULL is what comes back for it: as long as nobody changes the field, nothing does."""
    odd = Odd(
        tmp_path, mariadb_url, {"date": among("NULL"), "datetime": among("NULL"), "varchar(40)": text()}
    )
    odd.create()
    zeros = "'0000-00-00', '0000-00-00 00:00:00', 'old'"
    odd.write("SET sql_mode = ''", *(f"INSERT INTO odd VALUES ({n}, {zeros})" for n in range(ROWS)))
    with odd.mapping() as mapping:
        new = {key: state | {"c2": "new"} for key, state in odd.through_the_store(mapping).items()}
        odd.back(mapping, new)
    assert odd.legacy_rows("SELECT DISTINCT CAST(c0 AS CHAR), CAST(c1 AS CHAR), c2 FROM odd") == [
        ("0000-00-00", "0000-00-00 00:00:00", "new")
    ]
    odd.control.close()
