import secrets

import pytest

from engine.encryption.compilation import can_compile


@pytest.fixture(params=["numpy", "compiled"])
def backend(request):
    if request.param == "compiled" and not can_compile():
        pytest.skip("numba cannot compile here")
    return request.param


@pytest.fixture
def fixed_randomness(monkeypatch):
    """Salts and nonces become 00 01 02 ..., as in the README's known answers."""
    monkeypatch.setattr(secrets, "token_bytes", lambda count: bytes(range(count)))
