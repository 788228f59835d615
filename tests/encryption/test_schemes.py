import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.encryption import SCHEMES, AuthenticationError, CipherError, SealSetting, cipher_for, image_key, schemes
from engine.encryption.cipher import ContainerCipher
from engine.encryption.comparators import COMPARATORS
from engine.encryption.container import Layout
from engine.encryption.content import Content
from engine.encryption.keys import expand

KEY = bytes(range(32))
GRAY = np.arange(24 * 32, dtype=np.uint16).astype(np.uint8).reshape(24, 32)


def test_names_and_codes_are_different():
    containers = [SCHEMES[name] for name in schemes.CONTAINER_SCHEMES]
    assert [scheme.layout.name for scheme in containers] == list(schemes.CONTAINER_SCHEMES)
    assert len({scheme.layout.code for scheme in containers}) == len(containers)
    assert schemes.GALLERY_SCHEME in schemes.CONTAINER_SCHEMES


# The compared schemes give a picture and, some, bytes that have to travel with it.
@pytest.mark.parametrize("name", [name for name in SCHEMES if name not in COMPARATORS])
@given(height=st.integers(1, 40), width=st.integers(1, 40), depth=st.sampled_from(["u1", "u2"]))
def test_the_size_that_is_told_is_the_size_that_leaves(name, height, width, depth):
    dtype = np.dtype("u1" if name == "multistage" else depth)
    sealed = SCHEMES[name].make(KEY).encrypt(np.zeros((height, width), dtype))
    size = len(sealed) if isinstance(sealed, bytes) else sealed.nbytes
    assert SCHEMES[name].sealed_bytes((height, width), dtype) == size


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_opens_what_it_seals(name):
    cipher = SealSetting(name).cipher(KEY)
    opened = cipher.decrypt(cipher.encrypt(GRAY))
    assert (opened == (GRAY if opened.ndim == 2 else GRAY[..., None])).all()


def test_a_scheme_without_containers_says_so():
    with pytest.raises(CipherError, match="makes no sealed file"):
        _ = SCHEMES["toy"].layout
    with pytest.raises(CipherError, match="unknown scheme"):
        schemes.scheme_of(99)


class CounterCipher(ContainerCipher):
    """A cipher of somebody else: AES-256-CTR, with nothing but the signature to prove it."""

    layout = Layout("counter", 77, nonce_bytes=8, tag_bytes=0, tag_bytes_v1=0, payload_bytes=lambda s, d: s[0] * s[1])

    def _stream(self, secret, nonce, data):
        from Crypto.Cipher import AES

        return AES.new(expand(secret, info=b"counter", length=32), AES.MODE_CTR, nonce=nonce).encrypt(data)

    def _encrypt(self, content, secret, nonce, before):
        from engine.encryption.content import Frame

        frame = Frame(content.size, content.shape, content.dtype)
        return self._stream(secret, nonce, frame.around(content.tobytes())), b""

    def _open(self, container, secret):
        opened = self._stream(secret, container.nonce, bytes(container.ciphertext))
        frame = self._frame_of(opened)
        return Content(pixels=np.frombuffer(opened, frame.dtype, frame.length).reshape(frame.shape))


def test_a_cipher_is_added_with_its_class_and_one_entry(monkeypatch):
    entry = schemes.Scheme("Counter", "Of somebody else.", 256, CounterCipher, {}, CounterCipher)
    monkeypatch.setitem(SCHEMES, "counter", entry)
    monkeypatch.setattr(schemes, "CONTAINER_SCHEMES", (*schemes.CONTAINER_SCHEMES, "counter"))
    sealed = SealSetting("counter").cipher(KEY).encrypt(GRAY)
    assert len(sealed) == entry.sealed_bytes(GRAY.shape, GRAY.dtype)
    assert (cipher_for(sealed, KEY).decrypt(sealed) == GRAY).all()
    assert (cipher_for(sealed, image_key(KEY, sealed), kind="image").decrypt(sealed) == GRAY).all()
    changed = bytearray(sealed)
    changed[100] ^= 1
    with pytest.raises(AuthenticationError, match="not signed"):
        cipher_for(bytes(changed), KEY).decrypt(bytes(changed))
    with pytest.raises(CipherError, match="seals pixels and no files"):
        CounterCipher(KEY).encrypt_file(b"")
