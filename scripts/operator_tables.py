"""Tables of ``docs/operators.md``: what stores and servers take, each beside faiss alone in the same run."""

from collections.abc import Iterable
from typing import Any


def stores_table(measured: dict[str, Any]) -> str:
    """Every engine at every size: appending, searching, one more picture, a cold start."""
    rows = []
    for count, engines in sorted(measured["counts"].items(), key=lambda item: int(item[0])):
        for engine, found in engines.items():
            ms = found["ms"]
            rows.append(
                [
                    f"{found.get('rows', int(count)):,}",
                    engine,
                    f"{found['rows_a_second']:,.0f}",
                    f"{ms['p50']:.2f} / {ms['p95']:.2f}",
                    f"{ms['p50'] / ms['faiss_p50']:.1f} x ({ms['faiss_p50']:.2f})",
                    f"{ms['one_more_p50']:.0f} / {ms['one_more_p95']:.0f}",
                    f"{found['cold_seconds']:.2f}",
                ]
            )
    header = ["pictures", "store", "rows appended a second", "top ten, ms, p50 / p95", "x faiss alone (ms)"]
    return _table([*header, "one more picture, ms, p50 / p95", "first answer, s"], rows)


def serving_table(measured: dict[str, Any]) -> str:
    """``serve cloud`` at every size: searching over HTTP, memory, many users beside an upload."""
    rows = []
    for count, found in sorted(measured["sizes"].items(), key=lambda item: int(item[0])):
        ms, load = found["ms"], found["under_load"]
        far, alone = ms["over_HTTP"], ms["faiss_alone"]
        rows.append(
            [
                f"{int(count):,}",
                f"{far['p50']:.2f} / {far['p95']:.2f}",
                f"{far['p50'] / alone['p50']:.1f} x ({alone['p50']:.2f})",
                f"{ms['HTTP_alone']['p50']:.2f}",
                f"{found['program_mb']:.0f} MB + {found['bytes_a_row']:.0f} bytes",
                f"{ms['under_load']['p95']:.0f} ms, {load['failed']} of {load['searches']:,} failed",
                f"{load['there']} of {load['uploaded']}",
            ]
        )
    users = f"{measured['protocol']['users']} users: p95, failures"
    header = ["pictures", "top ten over HTTP, ms, p50 / p95", "x faiss alone (ms)", "an empty request, ms"]
    return _table([*header, "memory: program + a row beside its code", users, "rows uploaded meanwhile, kept"], rows)


def kills_table(measured: dict[str, Any]) -> str:
    """``kill -9`` at random moments."""
    found = measured["kills"]
    again = found["again_seconds"]
    rows = [
        [
            ", ".join(f"{name} {count}" for name, count in sorted(found["victims"].items())),
            f"{found['uploads']:,} ({found['rows']:,} rows)",
            f"{found['lost']}, {found['partial']}, {found['strays']}",
            f"{again['p50']:.1f} / {again['p95']:.1f}",
        ]
    ]
    header = ["killed", "uploads committed", "lost, there in part, strays", "until a search is answered, s, p50 / p95"]
    return _table(header, rows)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])
