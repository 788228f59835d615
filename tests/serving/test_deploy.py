"""The deployment's file says what the programs understand, and keeps apart what must be apart."""

import re
from pathlib import Path

import pytest
import yaml

from engine.cli import parser

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
OPERATORS = (ROOT / "docs" / "operators.md").read_text()


def test_the_three_parties_their_stores_and_the_app_are_there():
    assert set(SERVICES) == {"app", "proxy", "database", "objects", "cloud", "owner"}
    assert all(SERVICES[name].get("profiles") == ["parties"] for name in ("database", "objects", "cloud", "owner"))


@pytest.mark.parametrize("name", ["cloud", "owner"])
def test_the_programs_understand_their_commands(name):
    command = SERVICES[name]["command"]
    assert command[:3] == ["python", "-m", "engine"]
    options = parser("serve").parse_args(command[3:])
    assert options.run.__name__ == f"serve_{name}"
    assert f"127.0.0.1:{options.port}:{options.port}" in SERVICES[name]["ports"]


def test_the_store_is_an_address_that_the_engine_reads():
    from engine.retrieval.stores.postgresql_address import Address

    (store,) = [word.removeprefix("--store=") for word in SERVICES["cloud"]["command"] if "--store" in word]
    address = Address.of(store)
    assert (address.blobs, address.endpoint) == ("s3://vault/pictures", "http://objects:9000")


def test_the_owner_reaches_the_cloud_and_not_its_store():
    assert SERVICES["owner"]["networks"] == ["parties"]
    assert SERVICES["database"]["networks"] == SERVICES["objects"]["networks"] == ["storage"]
    assert not [volume for volume in SERVICES["cloud"]["volumes"] if "owner" in volume]
    assert "vault.key" not in " ".join(SERVICES["cloud"]["command"])


def test_no_secret_is_written_down():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", name):
                assert value.startswith("${")


def test_every_command_of_the_operators_page_is_one():
    lines = re.findall(r"^python -m engine ([^|>\n]+)", OPERATORS, re.MULTILINE)
    assert len(lines) >= 7
    for line in lines:
        words = line.split()
        parser(words[0]).parse_args(words)


def test_base_images_are_pinned_by_digest_or_named_in_the_docs_as_not():
    docker = (ROOT / "Dockerfile").read_text()
    images = re.findall(r"^ARG BASE=(\S+)", docker, re.MULTILINE)
    images += [service["image"] for service in SERVICES.values() if "image" in service]
    unpinned = [image for image in images if not re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", image)]
    hosting = (ROOT / "docs" / "hosting.md").read_text()
    (said,) = re.findall(r"Base images: .*?tag\.", hosting, re.DOTALL)
    assert all(f"`{image}`" in said for image in unpinned if not image.startswith("cxr-vault"))
    assert [image.split("@")[0] for image in images if "@" in image] == ["python:3.12-slim", "postgres:17"]
