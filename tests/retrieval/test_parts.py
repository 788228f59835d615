from itertools import islice

import pytest

from engine.retrieval import StoreError
from engine.retrieval.parts import upload_in_parts
from tests.retrieval.conftest import make_pictures


def test_an_upload_in_parts_stores_what_one_upload_does(owner, server):
    steps = list(upload_in_parts(owner, make_pictures(12), part=5))
    assert [(step.done, step.total, step.added) for step in steps] == [(5, 12, 5), (10, 12, 10), (12, 12, 12)]
    assert {record.name for record in owner.records().values()} == {picture.name for picture in make_pictures(12)}
    assert owner.vouch().count == len(server) == 12


def test_an_upload_that_was_stopped_goes_on_where_it_was(owner, server):
    upload = upload_in_parts(owner, make_pictures(12), part=5)
    list(islice(upload, 2))
    upload.close()
    assert len(server) == 10
    assert list(upload_in_parts(owner, make_pictures(12), part=5))[-1].added == 2
    assert len(server) == 12


def test_nothing_to_upload_is_said(owner):
    with pytest.raises(StoreError, match="at least one"):
        list(upload_in_parts(owner, []))
