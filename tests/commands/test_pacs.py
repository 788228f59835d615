"""The commands of the PACS bridge, from a word on the command line to the store."""

import json

import pytest

from engine.cli import main
from engine.imaging import load_image
from tests.clinic.archive import free_port, radiograph
from tests.clinic.conftest import orthanc  # noqa: F401
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import wave

URL = "http://viewer/{study}"


def test_pull_search_and_push(orthanc, tmp_path, capsys):  # noqa: F811
    for seed in range(4):
        orthanc.send(radiograph(seed))
    where = ["--store", str(tmp_path / "v.db"), "--key-file", str(tmp_path / "v.key")]
    web = ["--dicomweb", orthanc.url, "--auth-file", str(orthanc.auth)]
    assert main(["pacs", "pull", *web, *where]) == 0
    assert capsys.readouterr().out.startswith("4 added, 0 known already, 0 left out")
    query = tmp_path / "query.dcm"
    query.write_bytes(radiograph(2))
    assert main(["search", str(query), *where, "--k", "4", "--json", "--viewer-url", URL]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["viewer"].startswith("http://viewer/1.2.") for row in rows)
    assert main(["pacs", "push", str(query), *web, *where, "--k", "3"]) == 0
    assert capsys.readouterr().out.startswith("3 key object selections written")
    assert main(["search", str(query), *where, "--viewer-url", "http://viewer/{name}"]) == 2


def test_an_archive_that_does_not_answer_leaves_nothing_behind(tmp_path, capsys):
    where = ["--store", str(tmp_path / "v.db"), "--key-file", str(tmp_path / "v.key")]
    assert main(["pacs", "pull", "--dicomweb", f"http://127.0.0.1:{free_port()}/x", *where]) == 2
    assert "does not answer" in capsys.readouterr().err
    assert main(["pacs", "pull", "--dicomweb", "http://127.0.0.1/x", *where, "--since", "yesterday"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_deidentify_writes_a_copy_and_never_over_its_source(tmp_path, capsys):
    source, target = tmp_path / "a.dcm", tmp_path / "b.dcm"
    source.write_bytes(radiograph(1))
    assert main(["deidentify", str(source), str(target)]) == 0
    assert (load_image(target.read_bytes()) == load_image(source.read_bytes())).all()
    assert b"Doe" not in target.read_bytes()
    assert main(["deidentify", str(source), str(source), "--force"]) == 2
    source.write_bytes(dicom_bytes(wave(8)[0], BurnedInAnnotation="YES"))
    assert main(["deidentify", str(source), str(tmp_path / "c.dcm")]) == 2
    assert "burned into" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["listen", "pull", "push"])
def test_every_way_explains_itself(way):
    with pytest.raises(SystemExit) as stopped:
        main(["pacs", way, "--help"])
    assert stopped.value.code == 0
