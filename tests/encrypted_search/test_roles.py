"""The flow of paper B Fig. 2, and what each party can and cannot do in it."""

import secrets
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.encrypted_search.networks import build
from engine.encrypted_search.roles import PictureOwner, QueryUser, SearchServer
from engine.encrypted_search.setting import Setting, SettingError
from engine.encryption import AuthenticationError


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("vit", {"depth": 1, "width": 48}).eval()


@pytest.fixture
def pictures() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [np.kron(draw.integers(0, 200, (8, 8)), np.ones((8, 8))).astype(np.uint8) + draw.integers(
        0, 2 + 6 * i, (64, 64), dtype=np.uint8) for i in range(6)]  # fmt: skip


@pytest.mark.parametrize("name", ["fresh-8", "shared-8", "fresh-2"])
def test_a_user_finds_its_picture_and_opens_it(network, pictures, name):
    setting = Setting.named(name)
    owner, server = PictureOwner(secrets.token_bytes(32), setting), SearchServer(network, setting)
    stored = owner.encrypt(pictures)
    server.receive(stored)
    user = QueryUser(setting)
    hits = server.search(user.ask(pictures[3]), k=3)
    assert hits[0].id == stored[3].id
    assert hits[0].distance == pytest.approx(0, abs=1e-4)
    assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
    keys = owner.release([hits[0].id])
    opened = user.open(server.fetch([hits[0].id])[0], keys[hits[0].id])
    assert (opened == pictures[3][..., None]).all()
    assert owner.released == [hits[0].id]


def test_a_picture_received_twice_is_found_once(network, pictures):
    setting = Setting.named("fresh-8")
    server = SearchServer(network, setting)
    stored = PictureOwner(secrets.token_bytes(32), setting).encrypt(pictures)
    for received in (stored[:2], stored):
        server.receive(received)
    hits = server.search(QueryUser(setting).ask(pictures[4]), k=12)
    assert hits[0].id == stored[4].id
    assert sorted(hit.id for hit in hits) == sorted(picture.id for picture in stored)


def test_a_fresh_key_opens_one_picture_only(network, pictures):
    setting = Setting.named("fresh-8")
    owner = PictureOwner(secrets.token_bytes(32), setting)
    first, second = owner.encrypt(pictures[:2])
    key = owner.release([first.id])[first.id]
    with pytest.raises(AuthenticationError, match="another's"):
        QueryUser(setting).open(second, key)


def test_a_shared_key_opens_every_picture(network, pictures):
    setting = Setting.named("shared-8")
    owner = PictureOwner(secrets.token_bytes(32), setting)
    first, second = owner.encrypt(pictures[:2])
    key = owner.release([first.id])[first.id]
    assert (QueryUser(setting).open(second, key) == pictures[1][..., None]).all()


@pytest.mark.parametrize("where", [0, 6000, 12287])
def test_one_flipped_bit_is_refused(pictures, where):
    setting = Setting.named("fresh-4")
    owner = PictureOwner(secrets.token_bytes(32), setting)
    stored = owner.encrypt(pictures[:1])[0]
    changed = stored.pixels.copy()
    changed.reshape(-1)[where] ^= 1
    with pytest.raises(AuthenticationError):
        QueryUser(setting).open(replace(stored, pixels=changed), owner.release([stored.id])[stored.id])


def test_another_substitution_range_finds_the_same(network, pictures):
    setting = Setting.named("fresh-8")
    server = SearchServer(network, setting)
    found = [server.read(QueryUser(setting, masks).ask(pictures[2])[None]).features for masks in (0, 100, 255)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-5)


def test_in_the_clear_there_is_nothing_to_encrypt():
    with pytest.raises(SettingError, match="block size"):
        PictureOwner(bytes(32), Setting())
