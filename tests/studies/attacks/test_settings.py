import numpy as np
import pytest

from engine.attacks.outcome import sure_advantage
from engine.datasets import DataError
from engine.encryption import AesGcmCipher, FrequencyCipher, MultiStageCipher, SealSetting, generate_key
from engine.studies.attacks.settings import (
    all_settings,
    anatomy_study,
    measure_setting,
    settings_study,
)
from tests.attacks.subjects import collection

ATTACKS = ("kind", "labelled", "confirm", "opened")


@pytest.mark.parametrize(
    ("setting", "succeed"),
    [
        (SealSetting("aes"), ()),
        (SealSetting("frequency"), ()),
        (SealSetting("multistage", 1, 255, "fresh"), ()),
        (SealSetting("multistage", 8, 255, "fresh"), ("kind", "labelled", "confirm")),
        (SealSetting("multistage", 8, 255, "shared"), ATTACKS),
    ],
)
def test_what_each_setting_leaks(setting, succeed):
    advantage = measure_setting(setting, *collection())["advantage"]
    # Two percent of honest settings show an advantage by luck: it stays far below a real one.
    assert {name for name in ATTACKS if advantage[name] > 0.4} == set(succeed)


def test_only_a_shared_key_lets_known_pictures_open_others():
    pictures, labels, splits = collection()
    opened = {
        p: measure_setting(SealSetting("multistage", 4, 255, p), pictures, labels, splits)["opened"].mean()
        for p in ("shared", "fresh")
    }
    assert opened["shared"] > 0.8
    assert opened["fresh"] < 0.2


def test_sizes_are_those_of_the_ciphers():
    picture = np.zeros((20, 36), np.uint8)
    assert SealSetting("aes").bytes(picture.shape) == len(AesGcmCipher(generate_key()).encrypt(picture))
    assert SealSetting("frequency").bytes(picture.shape) == len(FrequencyCipher(generate_key()).encrypt(picture))
    scrambled = MultiStageCipher(generate_key()).encrypt(picture)
    assert SealSetting("multistage", 8, 255, "shared").bytes(picture.shape) == scrambled.nbytes


def test_the_map_covers_every_dial():
    settings = all_settings()
    assert len(settings) == len(set(settings)) == 2 + 5 * 4 * 2
    assert SealSetting("multistage", 8, 192, "shared") in settings


def test_without_the_real_pictures_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_VAULT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="anatomy"):
        anatomy_study(lambda done, total: None)


@pytest.fixture
def tiny_anatomy(monkeypatch):
    """A collection of one size without files."""
    from engine.datasets import Dataset, Record

    pictures, labels, splits = collection()
    blank = {name: None for name in Record.__dataclass_fields__}
    records = [
        Record(**blank | {"id": str(n), "label": "ab"[labels[n]], "split": str(splits[n])}) for n in range(len(labels))
    ]
    monkeypatch.setattr(Dataset, "load", lambda self, position: pictures[position])
    return Dataset("tiny", ("a", "b"), tuple(records))


def test_a_study_names_its_pictures_and_every_interval_holds_its_mean(tiny_anatomy):
    steps = []
    result = settings_study(
        lambda done, total: steps.append((done, total)),
        tiny_anatomy,
        [SealSetting("aes"), SealSetting("multistage", 8, 255, "fresh")],
    )
    assert steps == [(1, 2), (2, 2)]
    assert "a/b, train 120, val 40, test 120, 32 x 32 pixels" in result["protocol"]["pictures"]
    assert result["protocol"]["chance"] == {"kind": 0.5, "confirm": 0.0083}
    for row in result["rows"]:
        assert [len(row[name]) for name in ATTACKS] == [120, 120, 120, 30]
        assert row["advantage"]["opened"] == round(sure_advantage(row["opened"], row["luck"].mean()), 4)
