"""What a MySQL or MariaDB session must be set to before it runs the mapping's SELECTs, or its answers mean something else.

The reader of the connector executes these once per connection, and hands rows over as the stream does (`strangler.changes.Row`).
Besides, the mapping counts on this:

- a bare column comes as the stream brings it; what the mapping computes is an integer, a float, a decimal or text;
- FLOAT is the exact double of its 32 bits (`0.10000000149011612`): the mapping reads `column + 0e0`, since a bare FLOAT is
  printed with six digits;
- a DATE, DATETIME or TIMESTAMP column is nullable in `describe` even where it is declared NOT NULL: a zero date reads as NULL;
- `Column.declared` is information_schema's COLUMN_TYPE (`int(5) unsigned zerofill`, `bit(1)`, `enum('a','b')`).
"""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    # Literals, and what is made of numbers, are UTF-8 and compare by code points.
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    # Backslashes escape in literals, blanks of a CHAR are stripped, zero dates can be named, instants come in UTC.
    "SET SESSION sql_mode = '', time_zone = '+00:00'",
    # A server may be set to other regular expressions; MySQL takes this for a comment.
    "SET SESSION sql_auto_is_null = 0 /*M!100000 , default_regex_flags = '' */",
)
"""In this order."""
