"""What every retrieval study does alike, in the words that stand beside its figures."""

from typing import Any

from engine.datasets import Dataset

METRIC_POLICY = (
    "Hamming ranking, AP tie-aware (expected over orders of equal distance), all relevant items in the denominator, "
    "an empty Hamming ball counts 0, a query is never in its own gallery"
)
INTERVAL_POLICY = "95 % percentile bootstrap over queries, 2000 resamples, seed 0"


def protocol(queries: Dataset, gallery: Dataset) -> dict[str, Any]:
    """Return who asks, who answers and how it is measured, in words and counts."""
    return {
        "dataset": queries.name,
        "queries": "test split",
        "query_count": len(queries),
        "gallery": "train split",
        "gallery_count": len(gallery),
        "metric": METRIC_POLICY,
        "interval": INTERVAL_POLICY,
    }
