"""What every test shares: no deadlines on a busy machine, one torch thread a worker, chance that repeats."""

import os

import pytest
from hypothesis import settings

from tests import chance

# Two workers on two cores: torch's own threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Begin each test's stream before any fixture, of whatever scope, draws from it."""
    chance.begin(item.nodeid)


@pytest.fixture(autouse=True, scope="session")
def _repeating_chance():
    with pytest.MonkeyPatch.context() as patch:
        chance.replace(patch)
        yield
