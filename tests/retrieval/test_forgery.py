"""A user who was given one picture conspires with the server to replace it for everybody."""

import json
import secrets
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from Crypto.Cipher import AES

from engine.encryption import AesGcmCipher, AuthenticationError, FrequencyCipher, derive_key, generate_key
from engine.retrieval import CloudServer, DataOwner, DataUser, SealedPicture
from engine.retrieval.records import Record, seal_record
from tests.encryption import plain_reference

FORGED = np.full((48, 64), 7, np.uint8)


@pytest.fixture
def path(server):
    return server._store.path


def put(path, identity, sealed):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE sealed SET picture = ? WHERE position = (SELECT position FROM code WHERE id = ?)",
            (sealed, bytes.fromhex(identity)),
        )


def forged_v1(secret, identity):
    """A container of version 1 with a right tag, by nothing but a released key."""
    return plain_reference.frequency_container_of_secret_v1(
        secret, bytes.fromhex(identity), bytes(4), [FORGED.tolist()], 8
    )


def note_v1(key, identity, code, parts):
    """A note as programs of before version 2 sealed it."""
    text = json.dumps(parts).encode()
    nonce = secrets.token_bytes(12)
    gcm = AES.new(key, AES.MODE_GCM, nonce=nonce).update(identity.encode() + code)
    return nonce + b"".join(gcm.encrypt_and_digest(text + b" " * (-len(text) % 512)))


@pytest.fixture
def old_owner(key, server, hasher, pictures):
    """The owner of a gallery with one picture that was sealed before version 2."""
    owner = DataOwner(key, server, hasher)
    list(owner.upload(pictures[1:3]))
    gallery, image = server.gallery, pictures[0].load()
    salt = secrets.token_bytes(16)
    sealed = plain_reference.frequency_container_v1(key, salt, bytes(4), [image.tolist()], 8)
    code = owner.issue_code_mask().apply(hasher.codes([image]))[0].tobytes()
    record = Record.of(pictures[0].name, pictures[0].label, image)
    note_key = derive_key(key, salt=gallery.id, info=b"CXR Vault record")
    note = note_v1(note_key, salt.hex(), code, [record.name, record.label, record.digest, ""])
    with server.receiving(gallery) as append:
        append([SealedPicture(salt.hex(), code, note, sealed)])
    return owner


def old_id(owner):
    return next(identity for identity, record in owner.records().items() if record.container == 1)


def test_pictures_of_version_1_open_beside_those_of_version_2(old_owner, server, pictures):
    results = DataUser(old_owner, server).search(pictures[0].load(), k=3)
    assert np.array_equal(results[0].image, pictures[0].load())
    assert np.array_equal(old_owner.open(old_id(old_owner)), pictures[0].load())
    assert {result.name for result in results} == {picture.name for picture in pictures[:3]}


def test_the_forgery_that_version_1_accepted_is_noticed_by_the_note(old_owner, server, path, pictures):
    identity = old_id(old_owner)
    (release,) = old_owner.release([identity])
    forged = forged_v1(release.key, identity)
    assert np.array_equal(FrequencyCipher.from_image_key(release.key).decrypt(forged), FORGED), "its tag is right"
    put(path, identity, forged)
    with pytest.raises(AuthenticationError, match="not the one its owner uploaded"):
        DataUser(old_owner, server).search(pictures[0].load(), k=3)
    with pytest.raises(AuthenticationError, match="not the one its owner uploaded"):
        old_owner.open(identity)


def forgeries(released, identity, genuine):
    """What somebody makes who holds the released key of a picture and the sealed picture itself."""
    secret, verify_key = released[:32], released[32:]
    own_key = generate_key()
    with_own_signature = plain_reference.container_v2(
        own_key, 2, b"aes", bytes.fromhex(identity), bytes(12), lambda _secret, header: encrypted(secret, header)
    )
    honest_header = genuine[:54]
    signed = honest_header + bytes(12) + encrypted(secret, honest_header)
    return {
        "another version": forged_v1(secret, identity),
        "another version, the verification key as secret": forged_v1(verify_key, identity),
        "signed by somebody else": signed + AesGcmCipher(own_key)._keys.sign(signed),
        "the genuine signature on other pixels": signed + genuine[-64:],
        "no signature": signed + bytes(64),
        "another owner's": with_own_signature,
        "of the owner, of another picture": AesGcmCipher(own_key).encrypt(FORGED),
    }


def test_a_released_key_seals_nothing_that_anybody_accepts(filled_owner, server, path, pictures):
    user = DataUser(filled_owner, server)
    identity = user.search(pictures[0].load(), k=1)[0].id
    (release,) = filled_owner.release([identity])
    (genuine,) = server.pictures([identity])
    attempts = forgeries(release.key, identity, genuine)
    for forged in attempts.values():
        put(path, identity, forged)
        for look in (lambda: user.search(pictures[0].load(), k=1), lambda: filled_owner.open(identity)):
            with pytest.raises(AuthenticationError):
                look()
    put(path, identity, attempts["signed by somebody else"])
    with pytest.raises(AuthenticationError, match="not signed by the owner of this key"):
        filled_owner.open(identity)
    put(path, identity, genuine)
    assert np.array_equal(filled_owner.open(identity), pictures[0].load())


def encrypted(secret, header):
    """AES-256-GCM of the forged pixels as the picture's own cipher would do it."""
    key = plain_reference.hkdf_expand(secret, b"CXR Vault aes", 32)
    content = plain_reference.framed(FORGED.tobytes(), [FORGED.tolist()], 8)
    return b"".join(AES.new(key, AES.MODE_GCM, nonce=bytes(12)).update(header).encrypt_and_digest(content))


def test_a_picture_that_the_owner_once_sealed_does_not_pass_for_what_it_uploaded(
    filled_owner, server, path, pictures, monkeypatch
):
    """An owner's own mistake: two containers under one salt, both signed; the note tells them apart."""
    identity = next(iter(filled_owner.records()))
    salts = iter([bytes.fromhex(identity), bytes(12)])
    monkeypatch.setattr("secrets.token_bytes", lambda count: next(salts))
    other = filled_owner._cipher.encrypt(FORGED)
    monkeypatch.undo()
    put(path, identity, other)
    with pytest.raises(AuthenticationError, match="not the one its owner uploaded"):
        filled_owner.open(identity)


def test_a_note_without_a_digest_opens_nothing(key, filled_owner, server, path):
    identity, record = next(iter(filled_owner.records().items()))
    (row,) = server.records([identity])
    note_key = derive_key(key, salt=server.gallery.id, info=b"CXR Vault record")
    note = seal_record(replace(record, digest=""), note_key, identity=identity, code=row.code)
    with closing(sqlite3.connect(path)) as connection, connection:
        statement = "UPDATE sealed SET record = ? WHERE position = (SELECT position FROM code WHERE id = ?)"
        connection.execute(statement, (note, bytes.fromhex(identity)))
    with pytest.raises(AuthenticationError, match="holds no digest"):
        DataOwner(key, CloudServer(path)).open(identity)
