"""The rows of the table in the threat model: what was tried against each promise, what came of it, and the command."""

from collections.abc import Mapping
from typing import Any

Report = Mapping[str, Any]
HEADER = ("what", "tried", "what came of it", "again")


def promises_rows(
    mutants: Report, uploads: Report, promises: Report, at_once: Report, private: Report
) -> list[list[str]]:
    """Return the rows.

    Args:
        mutants: ``mutants.json``; likewise ``hostile_files``, ``promises``, ``at_once`` and ``private_search``.
        uploads: damaged files of every kind.
        promises: lies, forgeries and kills.
        at_once: bombs and visitors.
        private: private searches beside plain ones.
    """
    return [*_tried(mutants, uploads, promises), *_crowds(at_once), *_searches(private)]


def _tried(mutants: Report, uploads: Report, promises: Report) -> list[list[str]]:
    lies = [row for kind, row in promises["lies"].items() if kind != "the truth, verified"]
    told, noticed = (sum(row[name] for row in lies) for name in ("told", "noticed"))
    outcomes = uploads["outcomes"]
    bad = sum(count for outcome, count in outcomes.items() if outcome not in ("refused", "decoded"))
    forged, kills, again = promises["forgeries"], promises["kills"], "`python -m benchmarks.promises --save`"
    return [
        ["sealed files changed at random", f"{mutants['tried']:,}", f"{mutants['accepted']} accepted",
         "`python -m benchmarks.mutants --save`"],
        ["damaged uploads", f"{uploads['tried']:,}",
         f"{outcomes['refused']:,} refused, {outcomes.get('decoded', 0):,} read, {bad} crashes or raw errors; at most "
         f"{uploads['slowest_seconds']} s and {uploads['largest_mib']} MiB",
         f"`PYTHONPATH=. python benchmarks/hostile_files.py {uploads['tried']} --save`"],
        ["lies of a server", f"{told:,}", f"{noticed:,} noticed", again],
        ["forgeries with a released key", f"{forged['tried']:,}", f"{forged['accepted']} accepted", again],
        ["writers killed at random moments", f"{kills['kills']:,}",
         f"no row lost of those told to be stored; {kills['rows_kept']:,} kept", again],
    ]  # fmt: skip


def _crowds(at_once: Report) -> list[list[str]]:
    bombs, again = at_once["bombs"].values(), "`python -m benchmarks.at_once --save`"
    peak, seconds = (max(bomb[name] for bomb in bombs) for name in ("peak_mib", "seconds_each"))
    rows = [
        [f"bombs, each from {at_once['bringers']} visitors at once", f"{len(bombs)}",
         f"the app holds at most {peak} MiB, and {seconds} s of processor for each file", again],
    ]  # fmt: skip
    for count, crowd in at_once["visitors"].items():
        said = (
            f"ten results after {crowd['p50_seconds']} s (p50), {crowd['p95_seconds']} s (p95), "
            f"{crowd['processor_ms']} ms of processor each; {crowd['peak_mib']} MiB at most, {crowd['after_mib']} after"
        )
        rows.append([f"visitors who search at once: {count}", "1 each", said, again])
    return rows


def _searches(private: Report) -> list[list[str]]:
    ways = {
        "plain": "plain search",
        "private, codes and sketches": "private search",
        "both encrypted, codes and sketches": "private search of encrypted codes",
    }
    rows = []
    for size, measured in private["sizes"].items():
        for way, title in ways.items():
            row = measured[way]
            seconds = row["client_seconds"] + row["server_seconds"]
            stored = f", {row['bytes_a_code']:,} bytes stored a code" if "bytes_a_code" in row else ""
            sent = f"{row['bytes_up'] + row['bytes_down']:,} bytes both ways{stored}"
            same = "the same ten" if row["same_ten"] else "OTHER RESULTS"
            said = f"{same}; {seconds:.4f} s of processor, {sent}"
            rows.append([f"{title} in {int(size):,} codes", "1", said, "`python -m benchmarks.private --save`"])
    return rows
