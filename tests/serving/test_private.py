"""Private search over the API: the same pictures, and one sentence for whatever is no question."""

import numpy as np
import pytest

tenseal = pytest.importorskip("tenseal", reason="SKIPPED: TenSEAL is not installed (requirements-private.txt)")

from engine.private import CodesKey, PrivateClient, PrivatelyAsked, PrivateSearchError, encrypt_codes, noted_rows  # noqa: E402
from engine.private.protocol import QUESTION, QUESTION_OF_CODES, Header, pack  # noqa: E402
from engine.retrieval import CloudServer, DataOwner, DataUser  # noqa: E402
from engine.serving.cloud import cloud_service  # noqa: E402
from engine.serving.remote_cloud import RemoteCloud  # noqa: E402
from engine.serving.tokens import token_for  # noqa: E402
from engine.serving.transport import Transport  # noqa: E402
from tests.serving.conftest import FREE, QUICK, serving  # noqa: E402

CODE, SKETCH = np.zeros(6, np.uint8), np.zeros(24, np.uint8)


def foreign():
    """A question under another plaintext modulus, with the header of this one."""
    other = tenseal.context(tenseal.SCHEME_TYPE.BFV, poly_modulus_degree=4096, plain_modulus=40961)
    return pack(QUESTION, Header(48, False, 6), [tenseal.bfv_vector(other, [0, 1] * 8).serialize()] * 6)


def test_what_is_no_question_is_one_sentence_over_the_api(filled):
    good, answers = PrivateClient(CODE).question, {}
    for name, question in {
        "nothing": b"",
        "another message": b"CXRA" + good[4:],
        "truncated": good[:-9],
        "other parameters": good[:5] + b"\x20\x00" + good[7:],
        "a ciphertext of other parameters": foreign(),
        "another code length": PrivateClient(np.zeros(8, np.uint8)).question,
        "codes that are not here": QUESTION_OF_CODES + good[4:],
    }.items():
        answer = filled.ask("POST", "/v1/private/search", "user", question)
        answers[name] = answer.json()["error"]
        assert answer.status == 422, (name, answer.data)
        assert answers[name].count(".") == 1
        assert answers[name].endswith(".")
    assert "degree 8192" in answers["other parameters"]
    assert "given no encrypted codes" in answers["codes that are not here"]
    assert filled.ask("GET", "/v1/private/codes", "user").status == 422
    assert filled.ask("POST", "/v1/private/search", None, good).status == 401


def test_an_answer_under_another_key_is_refused(filled, key, hasher, pictures):
    """The server answers with distances that somebody else asked for."""
    cloud = RemoteCloud(filled.transport("owner"))
    foreign_answer = cloud.private_answer(PrivateClient(CODE, SKETCH).question)
    cloud.private_answer = lambda question: foreign_answer
    asked = PrivatelyAsked(cloud)
    with pytest.raises(PrivateSearchError, match="another key"):
        DataUser(DataOwner(key, asked, hasher), asked).search(pictures[0].load(), k=3)


def test_encrypted_codes_are_searched_over_the_api(cloud, key, hasher, pictures, store, tmp_path):
    far = RemoteCloud(cloud.transport("owner"))
    owner = DataOwner(key, far, hasher, hidden=True)
    list(owner.upload(pictures))
    path = tmp_path / "codes"
    path.write_bytes(b"".join(encrypt_codes(owner.keys, noted_rows(owner.keys, far.records()), far.state.epoch)))
    server = CloudServer(store)
    server.hold_codes(path)
    with serving(cloud_service(server, cloud.tokens, cloud.folder / "other", FREE)) as url:
        near = RemoteCloud(Transport(url, token_for(cloud.secrets["owner"], "cloud"), patience=QUICK))
        asked = PrivatelyAsked(near, codes=CodesKey.open(owner.keys, near.private_codes()))
        found = DataUser(DataOwner(key, asked, hasher), asked).search(pictures[0].load(), k=3)
    usual = CloudServer(tmp_path / "usual.db")
    list(DataOwner(key, usual, hasher).upload(pictures))
    expected = DataUser(DataOwner(key, usual, hasher), usual).search(pictures[0].load(), k=3)
    assert [(one.name, one.distance) for one in found] == [(one.name, one.distance) for one in expected]
