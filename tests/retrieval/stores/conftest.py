import pytest

from engine.retrieval import open_store


@pytest.fixture(params=["sqlite"])
def address(request, tmp_path):
    """An address of each engine at which nothing lies."""
    return request.getfixturevalue(f"{request.param}_address")


@pytest.fixture
def sqlite_address(tmp_path):
    return f"sqlite:///{tmp_path}/store/vault.db"


@pytest.fixture
def store(address):
    return open_store(address)
