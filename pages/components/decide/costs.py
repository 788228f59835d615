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
            ["Keep them sealed, a month", f"{stored:,.1f} GB", f"{stored * prices['gigabyte']:,.2f} euros"],
            ["Hash and seal them, once", f"{once:,.1f} core hours", f"{once * prices['hour']:,.2f} euros"],
            [
                "Search among them a thousand times, ten results opened",
                f"{1000 * searching:,.0f} core seconds",
                f"{1000 * searching / HOUR * prices['hour']:,.2f} euros",
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
    return f"{measured['protocol']['file_bytes'] * count / GIGABYTE * prices['gigabyte']:,.2f} euros"
