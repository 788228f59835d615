from pathlib import Path

from engine.artifacts import load_values
from engine.datasets.copies import CORRELATION, INLIERS, SURE
from engine.datasets.manifest import read_manifest
from engine.studies.split_audit import RESULT


def test_stored_copies_are_pictures_of_the_collection_in_two_splits():
    found = load_values(RESULT)
    records = {record.id: record for record in read_manifest(found["protocol"]["dataset"], Path())}
    for row in found["copies"]:
        pair = [records[name] for name in row["ids"]]
        assert row["labels"] == [record.label for record in pair]
        assert row["origins"] == [record.origin for record in pair]
        assert len(set(row["splits"])) == 2
        assert row["corners"] >= SURE or (row["corners"] >= INLIERS and row["correlation"] >= CORRELATION)


def test_by_the_manifest_and_by_thumbnails_nothing_crosses():
    found = load_values(RESULT)["thumbnails"]
    assert found["ok"]
    assert found["closest"] < found["threshold"]
