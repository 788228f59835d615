import csv
import io
import json
import zipfile

import numpy as np
import pytest

from engine.imaging import encode_jpeg
from pages.components.kit.words import NOTICE
from pages.components.retrieve.export import COLUMNS, Taken, as_csv, as_json, as_report, as_zip
from pages.components.retrieve.search import Found

FILE = encode_jpeg(np.tile(np.arange(50, dtype=np.uint8), (40, 1)))


@pytest.fixture
def taken():
    names = ("gx0001", "=HYPERLINK(1)", "<script>alert(1)</script>")
    found = [
        Found(rank, 2 * rank, f"{rank}", name, "normal", np.zeros(6, np.uint8), FILE, FILE, 0.9, "NIH, no restriction")
        for rank, name in enumerate(names, 1)
    ]
    return Taken(found, "Your own picture, 50 x 40 pixels", FILE, {"Method": "MATDH, 48 bits"})


def test_the_table_reads_back(taken):
    rows = list(csv.DictReader(io.StringIO(as_csv(taken).decode())))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["rank"], row["bits_away"], row["likeness"]) for row in rows] == [
        ("1", "2", "0.9"),
        ("2", "4", "0.9"),
        ("3", "6", "0.9"),
    ]


def test_a_stranger_s_name_is_no_formula_and_no_markup(taken):
    assert "'=HYPERLINK(1)" in as_csv(taken).decode()
    report = as_report(taken).decode()
    assert "<script>" not in report
    assert "&lt;script&gt;" in report


def test_the_json_names_settings_and_notice(taken):
    facts = json.loads(as_json(taken))
    assert (facts["notice"], facts["settings"]["Method"]) == (NOTICE, "MATDH, 48 bits")
    assert [row["picture"] for row in facts["results"]] == [hit.name for hit in taken.found]


def test_the_archive_holds_each_picture_with_its_licence(taken):
    with zipfile.ZipFile(io.BytesIO(as_zip(taken))) as archive:
        assert archive.testzip() is None
        assert archive.read("result-03.jpg") == FILE
        lines = archive.read("LICENCES.txt").decode().splitlines()
    assert sum("NIH, no restriction" in line for line in lines) == 3


def test_the_report_needs_nothing_else(taken):
    report = as_report(taken).decode()
    assert report.count("<img") == 4
    assert report.count('src="data:image/jpeg;base64,') == 4
    assert "http" not in report
    assert NOTICE in report
