"""Amounts and quantities as SAP stores them.

SAP keeps every amount with two decimals, as if the currency's smallest unit were always a hundredth: 1,234 yen are stored as
12.34, and 1.234 Kuwaiti dinars as 12.34 too. Here amounts are integers of smallest units, so no conversion is needed at all.
"""

from __future__ import annotations

from typing import Final

DECIMALS: Final = {"JPY": 0, "KRW": 0, "CLP": 0, "KWD": 3, "BHD": 3, "TND": 3}
"""What TCURX says. Every other currency has two."""

RATES: Final = {
    "EUR": 100, "USD": 109, "CHF": 94, "JPY": 160, "KRW": 1_470, "CLP": 1_050, "KWD": 333, "BHD": 408, "TND": 3_380,
}  # fmt: skip
"""Smallest units for a euro."""


def stored(units: int) -> str:
    """So many smallest units of any currency, as a column of type CURR holds them."""
    return f"{units // 100}.{units % 100:02d}"


def quantity(thousandths: int) -> str:
    """A quantity, as a column of type QUAN holds it."""
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def net(price: int, per: int, thousandths: int) -> int:
    """What a quantity costs at a price for `per` units; a half goes up."""
    return (2 * price * thousandths + 1000 * per) // (2000 * per)
