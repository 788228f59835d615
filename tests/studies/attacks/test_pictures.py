"""The studies of pictures, on few and small ones."""

import pytest

from engine.studies.attacks import pictures
from engine.studies.attacks.values import separate


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {"SIDE": 64, "TARGETS": 3, "KNOWN": 4, "JIGSAW_PICTURES": 4, "JIGSAW_BLOCKS": (32,)}.items():
        monkeypatch.setattr(pictures, name, value)


def steps(study):
    seen = []
    result = study(lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    return separate(result)[0]


def test_more_known_pictures_open_more_and_fresh_keys_stay_shut(monkeypatch):
    monkeypatch.setattr(pictures, "BLOCK_SIZES", (8,))
    result = steps(pictures.known_plaintext)
    shared, fresh = ([point["similarity"][0] for point in curve["points"]] for curve in result["curves"])
    assert len(shared) == 4
    assert shared[-1] > 0.95
    assert shared[-1] >= shared[0]
    assert max(fresh) < 0.25
    assert result["chosen"] == {"planted": 3, "exact": [1.0, 1.0, 1.0]}


def test_every_layer_falls_alone_and_stands_assembled():
    rows = {row["layer"]: row for row in steps(pictures.layers_study)["rows"]}
    assert len(rows) == 5
    assert rows.pop("PRESENT in ECB")["assembled"] == [0, 0, 0]
    assert rows["PRESENT without a tag"] == rows["PRESENT without a tag"] | {"alone": [1, 1, 1], "assembled": [0, 0, 0]}
    for name, row in rows.items():
        assert row["assembled"][0] < 0.06 < 0.6 < row["alone"][0], name


def test_only_the_toy_falls_to_256_keys():
    rows = steps(pictures.toy_study)["rows"]
    assert rows["toy"]["similarity"][0] == 1
    assert rows["aes"]["similarity"][0] < 0.06
    assert rows["frequency"]["similarity"][0] < 0.06


def test_only_whole_blocks_can_be_put_together():
    rows = {row["stage"]: row["similarity"][0] for row in steps(pictures.jigsaw_study)["rows"]}
    assert rows["blocks"] > 0.4  # four pieces: by luck one in 24
    assert rows["swapped"] < 0.2
