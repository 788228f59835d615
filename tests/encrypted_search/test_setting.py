"""Settings: names, encryption and what a network reads."""

import numpy as np
import pytest

from engine.encrypted_search.networks import NETWORKS, network_for
from engine.encrypted_search.setting import SETTINGS, Setting, SettingError
from engine.encryption import MultiStageCipher
from models.blocks import canonical_blocks

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_name_leads_back_to_its_setting(setting):
    assert Setting.named(setting.name) == setting


@pytest.mark.parametrize("name", ["fresh-3", "", "shared", "plain-8"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(SettingError, match="plain, shared-16, shared-8"):
        Setting.named(name)


@pytest.mark.parametrize("setting", SETTINGS[1:], ids=lambda setting: setting.name)
def test_encryption_is_the_ciphers(setting):
    key = bytes(range(32))
    cipher = MultiStageCipher(key, setting.block_size, 200, setting.policy)
    wanted = np.stack([cipher.encrypt(picture, name) for picture, name in zip(PICTURES, "ab", strict=True)])
    assert (setting.encrypt(PICTURES, ["a", "b"], key, 200) == wanted).all()


def test_in_the_clear_a_network_reads_the_picture():
    plain = Setting()
    assert (plain.canonical(plain.encrypt(PICTURES, ["a", "b"])) == PICTURES[..., None]).all()


@pytest.mark.parametrize("setting", SETTINGS[1:], ids=lambda setting: setting.name)
def test_what_a_network_reads_is_the_same_under_every_key_and_mask(setting):
    read = [
        setting.canonical(setting.encrypt(PICTURES, ids, key, substitution))
        for ids, key, substitution in ((["a", "b"], bytes(32), 255), (["c", "d"], bytes([1] * 32), 0))
    ]
    assert (read[0] == read[1]).all()


def test_brightness_grows_by_a_step_with_every_doubling():
    setting = Setting.named("fresh-2")
    encrypted = np.broadcast_to(np.array([[0, 0], [0, 127]], np.uint8)[None, :, :, None], (1, 2, 2, 3))
    read = setting.canonical(encrypted)
    import torch

    differences = canonical_blocks(torch.from_numpy(encrypted.transpose(0, 3, 1, 2).copy()), 2).numpy()
    wanted = np.round(255 * np.log2(1 + differences.astype(float)) / 8).transpose(0, 2, 3, 1)
    assert (read == wanted).all()


@pytest.mark.parametrize("method", ["vgg16", "vit"])
def test_every_setting_has_a_network_of_each_method(method):
    for setting in SETTINGS:
        name = network_for(method, setting.name)
        assert setting.name in NETWORKS[name].serves


def test_an_unknown_method_is_refused():
    with pytest.raises(SettingError, match="vgg16, vit"):
        network_for("resnet", "plain")
