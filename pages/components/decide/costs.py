"""What a sealed gallery costs, from measured bytes and processor time and a price list."""

from collections.abc import Mapping
from typing import Any

from pages.components.kit.metrics import markdown_table

# Title, first value, largest value and step of each price.
PRICES = {
    "gigabyte": ("Storage, euros per GB and month", 0.025, 10.0, 0.005),
    "hour": ("Processor, euros per core and hour", 0.05, 100.0, 0.01),
}
GIGABYTE = 10**9
HOUR = 3600
LEAST = 0.005


def cost_table(measured: Mapping[str, Any], prices: Mapping[str, float]) -> str:
    """Write what 100,000 pictures take, as a Markdown table.

    Args:
        measured: Result ``costs``.
        prices: ``gigabyte`` (euros per GB and month) and ``hour`` (euros per core and hour).

    Returns:
        Rows of what is done, how much it takes and what that costs.
    """
    count, seconds = measured["protocol"]["codes"], measured["seconds"]
    stored = measured["bytes"] * count / GIGABYTE
    once = (seconds["hash"] + seconds["seal"]) * count / HOUR
    searching = seconds["search"] + seconds["hash"] + 10 * seconds["open"]
    return markdown_table(
        [f"For {count:,} pictures", "It takes", "It costs"],
        [
            ["Keep them sealed, a month", f"{stored:,.1f} GB", _euros(stored * prices["gigabyte"])],
            ["Hash and seal them, once", f"{once:,.1f} core hours", _euros(once * prices["hour"])],
            [
                "Search among them a thousand times, ten results opened",
                f"{1000 * searching:,.0f} core seconds",
                _euros(1000 * searching / HOUR * prices["hour"]),
            ],
            [
                "The same pictures unsealed (PNG), a month",
                _plain(measured, count),
                _plain_cost(measured, count, prices),
            ],
        ],
    )


def _plain(measured: Mapping[str, Any], count: int) -> str:
    return f"{measured['protocol']['file_bytes'] * count / GIGABYTE:,.1f} GB"


def _plain_cost(measured: Mapping[str, Any], count: int, prices: Mapping[str, float]) -> str:
    return _euros(measured["protocol"]["file_bytes"] * count / GIGABYTE * prices["gigabyte"])


def _euros(sum_: float) -> str:
    """Write a sum of money; a small one is not nothing.

    >>> _euros(0.0007), _euros(0.0), _euros(1234.5)
    ('less than 0.01 euros', '0.00 euros', '1,234.50 euros')
    """
    return "less than 0.01 euros" if 0 < sum_ < LEAST else f"{sum_:,.2f} euros"
