"""What several cipher tests share."""

import secrets

import pytest

from engine.encryption.compilation import can_compile

both_paths = pytest.mark.parametrize(
    "backend",
    [
        "numpy",
        pytest.param("compiled", marks=pytest.mark.skipif(not can_compile(), reason="numba cannot compile here")),
    ],
)


@pytest.fixture
def fixed_randomness(monkeypatch):
    """Salts and nonces become 00 01 02 ..., as in the README's known answers."""
    monkeypatch.setattr(secrets, "token_bytes", lambda count: bytes(range(count)))
