import secrets

import pytest

from engine.retrieval import open_store
from tests.services import postgresql, s3

ENGINES = ["sqlite", "postgresql", "postgresql_sql", "postgresql_s3"]


@pytest.fixture(scope="session")
def database():
    """A real PostgreSQL server of Debian's, or a skip that says so."""
    with postgresql() as uri:
        yield uri


@pytest.fixture(scope="session")
def bucket():
    """An S3 server and a bucket on it, as parts of an address."""
    with s3("vault") as endpoint:
        yield f"blobs=s3://vault/pictures&endpoint={endpoint}"


@pytest.fixture(params=ENGINES)
def address(request):
    """An address of each engine at which nothing lies."""
    return request.getfixturevalue(f"{request.param}_address")


@pytest.fixture
def sqlite_address(tmp_path):
    return f"sqlite:///{tmp_path}/store/vault.db"


@pytest.fixture
def postgresql_address(database):
    return f"{database}?schema=test_{secrets.token_hex(8)}"


@pytest.fixture
def postgresql_sql_address(postgresql_address):
    return f"{postgresql_address}&search=sql"


@pytest.fixture
def postgresql_s3_address(postgresql_address, bucket):
    return f"{postgresql_address}&{bucket}".replace("/pictures&", f"/{secrets.token_hex(8)}&")


@pytest.fixture
def store(address):
    return open_store(address)
