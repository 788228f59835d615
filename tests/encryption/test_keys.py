import hashlib

import pytest
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from Crypto.Signature import eddsa
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encryption import AuthenticationError, CipherError, derive_key, generate_key, image_key
from engine.encryption.keys import KeyRing, expand, extract
from tests.encryption import plain_reference

# RFC 5869, appendix A, test cases 1 to 3.
RFC_5869 = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x00, 0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("material", "salt", "info", "pseudorandom", "output"), RFC_5869)
def test_rfc_5869(material, salt, info, pseudorandom, output):
    material, salt, info = (bytes.fromhex(part) for part in (material, salt, info))
    assert extract(material, salt=salt).hex() == pseudorandom
    assert derive_key(material, salt=salt, info=info, length=len(output) // 2).hex() == output


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=20), st.binary(max_size=20), st.integers(1, 200))
def test_matches_pycryptodome(material, salt, info, length):
    assert derive_key(material, salt=salt, info=info, length=length) == HKDF(
        material, length, salt, SHA256, context=info
    )


@pytest.mark.parametrize("length", [0, -1, 8161])
def test_refuses_impossible_lengths(length):
    with pytest.raises(CipherError, match="1 to 8160 bytes"):
        expand(bytes(32), info=b"", length=length)


def test_generated_keys_are_32_bytes_and_differ():
    keys = {generate_key() for _ in range(50)}
    assert len(keys) == 50
    assert {len(key) for key in keys} == {32}


def test_image_keys_differ_by_salt_and_master():
    keys = {image_key(bytes([m]) * 32, bytes([s]) * 16) for m in range(4) for s in range(4)}
    assert len(keys) == 16


@pytest.mark.parametrize("salt", [b"", bytes(15), bytes(17), "0" * 16, None, 16])
def test_image_key_refuses_what_is_neither_salt_nor_container(salt):
    with pytest.raises(CipherError):
        image_key(bytes(32), salt)


def test_key_ring_shows_nothing_and_seals_only_with_the_master_key():
    ring = KeyRing(b"\x07" * 64, one_picture=True)
    assert "07" not in repr(ring)
    assert ring.secret(bytes(16), 2) == ring.verify_key == b"\x07" * 32
    with pytest.raises(CipherError, match="seals none"):
        ring.secret_to_seal(bytes(16))
    with pytest.raises(AuthenticationError, match="64 bytes is of a picture of another version"):
        ring.secret(bytes(16), 1)
    with pytest.raises(AuthenticationError, match="32 bytes is of a picture of another version"):
        KeyRing(bytes(32), one_picture=True).secret(bytes(16), 2)


# RFC 8032 section 7.1, tests 1 to 3: secret key, message, public key.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ),
]


@pytest.mark.parametrize(("seed", "message", "public"), RFC_8032)
def test_the_oracle_of_signatures_knows_rfc_8032(seed, message, public):
    assert plain_reference.ed25519_public(bytes.fromhex(seed)).hex() == public
    key = eddsa.import_public_key(bytes.fromhex(public))
    message = bytes.fromhex(message)
    eddsa.new(key, "rfc8032").verify(message, plain_reference.ed25519_sign(bytes.fromhex(seed), message))


@settings(max_examples=25)  # the oracle takes its time
@given(master=st.binary(min_size=32, max_size=32), signed=st.binary(max_size=100))
def test_signatures_match_the_rfc_written_plainly(master, signed):
    seed = plain_reference.hkdf(master, bytes(32), b"CXR Vault signing key 2", 32)
    message = b"CXR Vault container 2" + hashlib.sha256(signed).digest()
    ring = KeyRing(master)
    assert ring.sign(signed) == plain_reference.ed25519_sign(seed, message)
    assert ring.verify_key == plain_reference.ed25519_public(seed)
    user = KeyRing(bytes(32) + ring.verify_key, one_picture=True)
    assert user.is_signed(signed, ring.sign(signed))
    assert not user.is_signed(signed + b"x", ring.sign(signed))


def test_a_picture_key_that_is_no_point_of_the_curve_verifies_nothing():
    ring = KeyRing(bytes(32) + b"\xff" * 32, one_picture=True)
    assert not ring.is_signed(b"", bytes(64))


def test_the_two_versions_keys_are_independent():
    one, two = image_key(bytes(32), bytes(16), 1), image_key(bytes(32), bytes(16))
    assert (len(one), len(two)) == (32, 64)
    assert one not in two
