"""A collection's whole life on every engine: filled, searched, renewed, thinned out and audited."""

from engine.encryption import AesGcmCipher, generate_key
from engine.retrieval import CloudServer, DataOwner, DataUser, Receipt, open_store
from engine.retrieval.audit import audit
from engine.retrieval.renewal import revoke, rotate
from tests.retrieval.conftest import DescribingHasher, make_pictures

COUNT = 6


def names(owner):
    return {record.name for record in owner.records().values()}


def test_a_collection_lives(address):
    key, new = generate_key(), generate_key()
    server = CloudServer(address)
    owner = DataOwner(key, server, DescribingHasher(), cipher=AesGcmCipher, receipt=Receipt(None, server.where))
    assert list(owner.upload(make_pictures(COUNT)))[-1].added == COUNT
    assert list(owner.upload(make_pictures(COUNT + 1)))[-1].added == 1
    pictures = make_pictures(COUNT + 1)
    everyone = {picture.name for picture in pictures}
    list(revoke(owner, server))
    assert (names(owner), audit(owner, server).findings) == (everyone, ())
    receipt = Receipt(None, server.where)
    list(rotate(owner, server, new, receipt))
    # Another server on the same store, as another process would see it.
    far = CloudServer(open_store(address))
    owner = DataOwner(new, far, DescribingHasher(), cipher=AesGcmCipher, receipt=receipt)
    user = DataUser(owner, far)
    for picture in pictures:
        first = user.search(picture.load(), k=1, verify=True)[0]
        assert (first.name, first.image.tobytes()) == (picture.name, picture.load().tobytes())
    gone = next(iter(owner.records()))
    lost = owner.records()[gone].name
    owner.remove([gone])
    assert (names(owner), audit(owner, far).findings) == (everyone - {lost}, ())
    assert len(server) == COUNT
