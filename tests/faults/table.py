"""The legacy table, in PostgreSQL and in MariaDB, which fill it themselves: customers with umlauts, money, moments, blanks and NULLs."""

from __future__ import annotations

from typing import Final

TABLE: Final = "customer"

COLUMNS: Final = (
    "id",
    "code",
    "name",
    "credit",
    "changed",
    "since",
    "active",
    "note",
    "street",
    "city",
)

BLANK: Final = 4
"""Every fourth row has an empty note, every fourth none at all."""

CREATE: Final = f"""
    CREATE TABLE {TABLE} (
        id bigint PRIMARY KEY, code varchar(12) NOT NULL, name varchar(80) NOT NULL, credit decimal(14,2) NOT NULL, changed {{moment}},
        since date, active boolean NOT NULL, note varchar(200), street varchar(80) NOT NULL, city varchar(80) NOT NULL
    )
"""

_CREDIT: Final = "({i} * 7919 % 100000007) / 100.0"

_POSTGRES: Final = f"""
    INSERT INTO {TABLE}
    SELECT i, lpad(i::text, 12, '0'), (ARRAY['Söhne', 'Müller', 'Größe', 'Peña', 'Åse'])[1 + i % 5] || ' & Partner ' || i,
           {_CREDIT.format(i="i")}, timestamp '2020-01-01' + i * interval '1.25 seconds', date '1990-01-01' + (i % 12000)::int, i % 3 = 0,
           CASE i % {BLANK} WHEN 0 THEN '' WHEN 1 THEN NULL ELSE 'note ' || i END, 'Ringstraße ' || i % 977, 'Ort ' || i % 311
    FROM generate_series({{first}}::bigint, {{last}}) AS i
"""

_MARIADB: Final = f"""
    INSERT INTO {TABLE}
    SELECT seq, lpad(seq, 12, '0'), concat(elt(1 + seq % 5, 'Söhne', 'Müller', 'Größe', 'Peña', 'Åse'), ' & Partner ', seq),
           {_CREDIT.format(i="seq")}, timestamp '2020-01-01 00:00:00' + interval seq * 1.25 second,
           date '1990-01-01' + interval (seq % 12000) day, seq % 3 = 0,
           CASE seq % {BLANK} WHEN 0 THEN '' WHEN 1 THEN NULL ELSE concat('note ', seq) END,
           concat('Ringstraße ', seq % 977), concat('Ort ', seq % 311)
    FROM seq_{{first}}_to_{{last}}
"""


def filling(first: int, last: int, kind: str = "postgresql") -> str:
    """The statement that adds the rows with these keys, both included: the same row for the same key, always."""
    return (_MARIADB if kind == "mysql" else _POSTGRES).format(first=first, last=last)
