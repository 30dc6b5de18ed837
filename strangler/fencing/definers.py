"""Definers: in MySQL and MariaDB a trigger runs as the account that made it. When that is dropped, every write to the table fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strangler.ports import Finding, Hand

_OTHERS: Final = """
SELECT definer, GROUP_CONCAT(DISTINCT event_object_table ORDER BY event_object_table SEPARATOR ', '), CURRENT_USER()
FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'strangler\\_%' AND definer <> CURRENT_USER()
GROUP BY definer ORDER BY definer
"""


def examine(hand: Hand) -> Iterator[Finding]:
    """Our triggers that another account made than the one by which they would be made now."""
    if hand.dialect != "mysql":
        return
    for definer, tables, account in hand.ask(_OTHERS):
        yield Finding(
            f"the triggers of Strangler on {tables} run as {definer}, and the account that is configured is {account}: when the other one "
            "is dropped or loses TRIGGER, every write to these tables fails (error 1449 or 1142)",
            f"keep {definer} until the function goes back or is retired",
            False,
        )
