"""A search to take home: CSV, JSON, ZIP with the pictures and their licences, and a report on one page."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from engine.imaging import encode_jpeg, load_image, resize
from pages.components.kit.show import data_url
from pages.components.kit.words import NOTICE, counted, label_title
from pages.components.retrieve.search import Found

THUMBNAIL_SIDE = 240
COLUMNS = ("rank", "picture", "label", "bits_away", "likeness", "source_and_licence")


@dataclass(frozen=True)
class Taken:
    """A search as it is taken home.

    Attributes:
        found: Results by rank.
        query: What was asked with, in plain words; a visitor's file name is not among them.
        query_file: JPEG of it.
        settings: What was searched and how, by name.
    """

    found: Sequence[Found]
    query: str
    query_file: bytes
    settings: dict[str, str]


def rows(taken: Taken) -> list[dict[str, Any]]:
    """Return one row a result, with ``COLUMNS``."""
    return [
        {
            "rank": hit.rank,
            "picture": hit.name,
            "label": hit.label,
            "bits_away": hit.distance,
            "likeness": None if hit.likeness is None else round(hit.likeness, 4),
            "source_and_licence": hit.credit,
        }
        for hit in taken.found
    ]


def as_csv(taken: Taken) -> bytes:
    """Return the results as a CSV file (RFC 4180), UTF-8."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows(taken))
    return text.getvalue().encode()


def _plain(value: object) -> object:
    """Keep a stranger's file name from being a formula where a spreadsheet opens the file."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_json(taken: Taken) -> bytes:
    """Return the search and its results as JSON."""
    facts = {"notice": NOTICE, "query": taken.query, "settings": taken.settings, "results": rows(taken)}
    return (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()


def as_zip(taken: Taken) -> bytes:
    """Return an archive of the results' pictures, their licences, and both tables."""
    content = io.BytesIO()
    licences = "".join(f"result-{hit.rank:02d}.jpg: {hit.name}, {hit.credit or 'your own'}\n" for hit in taken.found)
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("results.csv", as_csv(taken))
        archive.writestr("results.json", as_json(taken))
        archive.writestr("LICENCES.txt", f"{NOTICE}\n\n{licences}")
        for hit in taken.found:
            archive.writestr(f"result-{hit.rank:02d}.jpg", hit.opened)
    return content.getvalue()


def as_report(taken: Taken) -> bytes:
    """Return a report on one page: HTML that needs nothing else and prints on one sheet."""
    settings = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in taken.settings.items())
    cards = "".join(_card(hit) for hit in taken.found)
    caption = f"<figcaption>{escape(taken.query)}</figcaption>"
    query = f'<figure class="query">{_image(taken.query_file, "Query")}{caption}</figure>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CXR Vault: a search</title>'
        f"<style>{_STYLE}</style></head><body><h1>Which X-rays look like this one?</h1>"
        f'<p class="notice">{escape(NOTICE)}</p><section class="top">{query}<dl>{settings}</dl></section>'
        f'<section class="results">{cards}</section></body></html>'
    ).encode()


def _card(hit: Found) -> str:
    alike = "" if hit.likeness is None else f", likeness {hit.likeness:.2f}"
    label = label_title(hit.label) if hit.label else "no label"
    said = f"{hit.rank}. {label}: {counted(hit.distance, 'bit')} away{alike}"
    return (
        f"<figure>{_image(hit.opened, f'Result {hit.rank}')}<figcaption><b>{escape(said)}</b><br>{escape(hit.name)}"
        f"<br><small>{escape(hit.credit)}</small></figcaption></figure>"
    )


def _image(file: bytes, alt: str) -> str:
    pixels = load_image(file)
    small = encode_jpeg(resize(pixels, min(THUMBNAIL_SIDE, *pixels.shape)), quality=82)
    return f'<img src="{data_url(small)}" alt="{escape(alt)}">'


_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem auto; max-width: 60rem; padding: 0 1rem; color: #16222b; }
h1 { font-size: 1.4rem; margin: 0; } .notice { margin: .2rem 0 1rem; }
.top { display: flex; gap: 1.5rem; } .query { width: 12rem; }
figure { margin: 0; } img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; align-content: start; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
.results { display: grid; grid-template-columns: repeat(5, 1fr); gap: .8rem; margin-top: 1rem; }
figcaption { font-size: 12px; overflow-wrap: anywhere; }
@page { size: A4; margin: 12mm; } @media print { body { margin: 0; max-width: none; padding: 0; font-size: 11px; } }
"""
