"""The bridge against a real archive: pulled, sent and pushed, stopped and gone on."""

import io
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, ExplicitVRLittleEndian

from engine.clinic import HeaderFacts
from engine.clinic.dicomweb import Pacs, PacsError
from engine.clinic.intake import Intake
from engine.clinic.listening import start_listening
from engine.clinic.pulling import pull
from engine.clinic.pushing import push
from engine.errors import VaultError
from engine.imaging import load_image
from tests.clinic.archive import CT, DX, free_port, radiograph
from tests.imaging.encoders import rle

VERIFICATION = "1.2.840.10008.1.1"
FILES = [*(radiograph(seed) for seed in range(5)), rle(radiograph(5))]


@pytest.fixture(scope="module")
def filled(orthanc):
    for data in [*FILES, radiograph(50, kind=CT), radiograph(51, kind=CT)]:
        orthanc.send(data)
    orthanc.send(radiograph(60, BodyPartExamined="HAND"))
    return orthanc


def uid(data):
    return str(dcmread(io.BytesIO(data), stop_before_pixels=True).SOPInstanceUID)


def test_a_pull_takes_every_radiograph_once(filled, owner):
    pacs = Pacs(filled.url, filled.auth)
    *_, done = pull(pacs, Intake(owner))
    assert (done.added, done.known, done.slices, done.studies) == (6, 0, 2, 9)
    assert len(done.left_out) == 1
    assert "HAND" in done.left_out[0]
    records = {record.name: (identity, record) for identity, record in owner.records().items()}
    assert set(records) == {uid(data) for data in FILES}
    for data in FILES:
        identity, record = records[uid(data)]
        assert np.array_equal(owner.open(identity), load_image(data))
        facts = HeaderFacts.of_json(record.header)
        assert (facts.instance, facts.view, facts.age_band, facts.sex) == (uid(data), "PA", "50-59", "F")
        assert "Doe" not in record.header
    *_, again = pull(pacs, Intake(owner))
    assert (again.added, again.known) == (0, 6)


def test_a_pull_can_start_at_a_day(filled, owner):
    *_, done = pull(Pacs(filled.url, filled.auth), Intake(owner), since="20240104")
    assert done.added == 3


def test_an_archive_that_goes_in_mid_pull_is_gone_on_with(filled, owner, monkeypatch):
    pacs = Pacs(filled.url, filled.auth)
    fetch, left = pacs._client.retrieve_instance, [3]

    def failing(*arguments, **options):
        if not left[0]:
            raise ConnectionResetError("gone")
        left[0] -= 1
        return fetch(*arguments, **options)

    monkeypatch.setattr(pacs._client, "retrieve_instance", failing)
    with pytest.raises(PacsError, match="does not answer: once it does, the same command goes on"):
        list(pull(pacs, Intake(owner)))
    held = len(owner.records())
    assert 0 < held < 6
    *_, done = pull(Pacs(filled.url, filled.auth), Intake(owner))
    assert (done.known, done.added + held) == (held, 6)


class Busy(BaseHTTPRequestHandler):
    """An archive that is too busy for the first few questions."""

    def do_GET(self):
        self.server.asked += 1
        self.send_response(503 if self.server.asked <= self.server.busy else 204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.parametrize("busy", [2, 3])
def test_a_short_hiccup_is_bridged(busy):
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        server.asked, server.busy = 0, busy
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with nullcontext() if busy < 3 else pytest.raises(PacsError, match=r"is busy \(status 503\)"):
            Pacs(f"http://127.0.0.1:{server.server_port}/dicom-web").probe()
        server.shutdown()
        assert server.asked == 3


def test_refusals_are_one_sentence(filled, tmp_path):
    with pytest.raises(PacsError, match=r"refuses access \(401\)"):
        Pacs(filled.url).probe()
    with pytest.raises(PacsError, match="does not answer"):
        Pacs(f"http://127.0.0.1:{free_port()}/dicom-web").probe()
    with pytest.raises(PacsError, match="status 404"):
        Pacs(filled.rest + "/elsewhere", filled.auth).probe()
    for address in ("ftp://host/x", "http://user:word@host/x", "nonsense"):
        with pytest.raises(PacsError, match="no address") as caught:
            Pacs(address)
        assert "word" not in str(caught.value)


def test_results_are_written_back_as_key_object_selections(filled, owner):
    pacs = Pacs(filled.url, filled.auth)
    list(pull(pacs, Intake(owner)))
    found = [HeaderFacts.of_json(record.header) for record in owner.records().values()][:4]
    before = filled.send(None, "/statistics", "GET")["CountInstances"]
    assert push(pacs, found, "Among the 4 most similar") == 4
    assert filled.send(None, "/statistics", "GET")["CountInstances"] == before + 4
    series = [uid for uid, modality in pacs.series(found[0].study) if modality == "KO"]
    (instance,) = pacs.instances(found[0].study, series[0])
    document = dcmread(io.BytesIO(pacs.fetch(found[0].study, series[0], instance)))
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == found[0].instance
    with pytest.raises(VaultError, match="kept its UIDs"):
        push(pacs, [HeaderFacts()], "nothing")


@pytest.fixture
def node(owner):
    said = []
    port = free_port()
    server = start_listening(Intake(owner), "VAULT", ("127.0.0.1", port), said.append)
    yield port, said
    server.shutdown()


def sender(port, title="VAULT", kinds=(ComputedRadiographyImageStorage, DX)):
    from pynetdicom import AE

    ae = AE(ae_title="SENDER")
    ae.add_requested_context(VERIFICATION)
    for kind in kinds:
        ae.add_requested_context(kind, ExplicitVRLittleEndian)
    return ae.associate("127.0.0.1", port, ae_title=title)


def test_a_node_answers_echo_and_seals_what_it_is_sent(node, owner):
    port, said = node
    association = sender(port)
    assert association.send_c_echo().Status == 0
    for data in (*FILES[:3], FILES[0]):
        assert association.send_c_store(dcmread(io.BytesIO(data))).Status == 0
    hand = dcmread(io.BytesIO(radiograph(61, BodyPartExamined="HAND")))
    assert association.send_c_store(hand).Status == 0xC000
    association.release()
    assert {record.name for record in owner.records().values()} == {uid(data) for data in FILES[:3]}
    assert said[:4] == ["sealed 1 picture"] * 3 + ["known already"]
    assert "HAND" in said[4]


def test_a_node_refuses_another_title_and_slices(node):
    port, _ = node
    assert not sender(port, title="OTHER").is_established
    association = sender(port, kinds=(CTImageStorage,))
    assert CTImageStorage not in [context.abstract_syntax for context in association.accepted_contexts]
    association.release()


def test_an_archive_sends_to_the_node(filled, node, owner):
    port, said = node
    filled.send(b'["VAULT", "127.0.0.1", %d]' % port, "/modalities/vault", "PUT")
    known = filled.send(uid(FILES[5]).encode(), "/tools/lookup")
    filled.send(known[0]["ID"].encode(), "/modalities/vault/store")
    assert said == ["sealed 1 picture"]
    assert [record.name for record in owner.records().values()] == [uid(FILES[5])]


def test_a_port_in_use_and_a_long_title_are_refused_in_a_sentence(node, owner):
    with pytest.raises(VaultError, match="choose another port"):
        start_listening(Intake(owner), "VAULT", ("127.0.0.1", node[0]), print)
    with pytest.raises(VaultError, match="application entity title"):
        start_listening(Intake(owner), "A" * 20, ("127.0.0.1", free_port()), print)
