import json
from hashlib import sha256

import pytest

from engine.serving import tokens as module
from engine.serving.errors import ServingError
from engine.serving.tokens import TokenFile, read_token, token_for


@pytest.fixture
def tokens(tmp_path):
    return TokenFile(tmp_path / "tokens.json")


def test_a_token_is_kept_as_hashes_only(tokens):
    token = tokens.add("user", "reader")
    text = tokens.path.read_text()
    assert token not in text
    assert sha256(token.encode()).hexdigest() in text
    assert len(token) > 43
    assert tokens.path.stat().st_mode & 0o777 == 0o600


def test_each_service_knows_the_token_and_its_own_alone(tokens):
    token = tokens.add("owner", "clinic")
    for audience, other in (("cloud", "owner"), ("owner", "cloud")):
        assert tokens.find(token, audience).name == "clinic"
        assert tokens.find(token_for(token, audience), audience).name == "clinic"
        assert tokens.find(token_for(token, other), audience) is None
    assert tokens.find("", "cloud") is None
    assert tokens.find("ü" * 50, "cloud") is None


def test_every_hash_is_compared_in_constant_time(tokens, monkeypatch):
    made = [tokens.add("user", f"reader-{n}") for n in range(5)]
    compared = []
    real = module.hmac.compare_digest
    monkeypatch.setattr(module.hmac, "compare_digest", lambda a, b: compared.append(b) or real(a, b))
    for token in (made[0], made[4], "wrong"):
        compared.clear()
        tokens.find(token, "cloud")
        assert len(compared) == 10


def test_two_of_a_name_while_they_are_changed(tokens):
    tokens.add("user", "reader")
    second = tokens.add("user", "reader")
    with pytest.raises(ServingError, match="two tokens already"):
        tokens.add("user", "reader")
    first = next(grant for grant in tokens.grants() if grant.id != tokens.find(second, "cloud").id)
    assert tokens.remove("reader", first.id) == 1
    assert tokens.find(second, "cloud")
    assert tokens.remove("reader") == 1
    with pytest.raises(ServingError, match="no such token"):
        tokens.remove("reader")


def test_an_ended_token_is_found_and_over(tokens):
    token = tokens.add("user", "late", days=1e-9)
    assert tokens.find(token, "cloud").over
    assert not tokens.find(tokens.add("user", "early"), "cloud").over


@pytest.mark.parametrize(
    ("name", "days"), [("", 1), ("a b", 1), ("x" * 65, 1), ("ok", 0), ("ok", 4000), ("ok", float("nan"))]
)
def test_unfit_names_and_times_are_refused(tokens, name, days):
    with pytest.raises(ServingError):
        tokens.add("user", name, days)
    assert not tokens.path.exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2, "tokens": []}', '{"version": 1, "tokens": [{}]}', "\xff"]
)
def test_other_files_are_one_sentence(tokens, text):
    tokens.path.touch(0o600)
    tokens.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ServingError, match="no file of tokens"):
        tokens.grants()


def test_a_changed_role_is_refused(tokens):
    tokens.add("user", "reader")
    data = json.loads(tokens.path.read_text())
    data["tokens"][0]["role"] = "root"
    tokens.path.write_text(json.dumps(data))
    with pytest.raises(ServingError, match="no file of tokens"):
        tokens.grants()


def test_files_of_others_are_refused(tokens, tmp_path):
    token = tokens.add("user", "reader")
    tokens.path.chmod(0o644)
    with pytest.raises(ServingError, match="chmod 600"):
        tokens.grants()
    mine = tmp_path / "mine"
    mine.write_text(token)
    with pytest.raises(ServingError, match="chmod 600"):
        read_token(mine, "cloud")


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 a picture", bytes(range(128, 160)), b"\xff\n\xfe x\n"])
def test_a_file_that_is_no_text_holds_no_token(tmp_path, data):
    mine = tmp_path / "mine"
    mine.touch(0o600)
    mine.write_bytes(data)
    with pytest.raises(ServingError, match="holds no token for the cloud"):
        read_token(mine, "cloud")


@pytest.mark.parametrize("text", ["", "two words here", "short", "cloud {t}", "{t}\n{t}"])
def test_token_files_that_hold_no_token_for_the_owner(tokens, tmp_path, text):
    mine = tmp_path / "mine"
    mine.touch(0o600)
    mine.write_text(text.replace("{t}", tokens.add("user", "reader")))
    with pytest.raises(ServingError, match="holds no token for the owner"):
        read_token(mine, "owner")


def test_a_file_of_one_token_or_of_two(tokens, tmp_path):
    first, second, mine = tokens.add("user", "one"), tokens.add("user", "two"), tmp_path / "mine"
    mine.touch(0o600)
    mine.write_text(first + "\n")
    assert read_token(mine, "cloud") == token_for(first, "cloud")
    mine.write_text(f"cloud {first}\nowner {second}\n")
    assert read_token(mine, "owner") == token_for(second, "owner")
    with pytest.raises(ServingError, match="no token file"):
        read_token(tmp_path / "none", "cloud")
