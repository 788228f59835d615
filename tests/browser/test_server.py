"""What a real server sends to its visitors, without a browser."""

import base64
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from engine.imaging import encode_jpeg, encode_png
from pages.components.kit.show import xray_file
from scripts.live_app import paths
from scripts.visitor import Answer, Visitor
from tests.imaging.mutation import mutate

MUTATED = 40


class Listener(Visitor):
    """A visitor that keeps all that the server sent."""

    def __init__(self, *place: str) -> None:
        self.heard = bytearray()
        super().__init__(*place)

    def _messages(self):
        for message, size in super()._messages():
            self.heard += message.SerializeToString()
            yield message, size


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (96, 80), np.uint8)


def bring(visitor: Visitor, content: bytes, name: str = "mine.png") -> Answer:
    return visitor.upload(next(key for key in visitor.widgets if key.startswith("picture_upload")), name, content)


def test_two_visitors_at_once_never_get_each_others_pictures(server):
    together = Barrier(2)

    def visit(seed: int) -> bytes:
        with Listener(server, "enhance") as visitor:
            together.wait()
            answer = bring(visitor, encode_png(noise(seed)))
            assert not answer.errors
            for path in ("encrypt", "retrieve", "enhance"):
                together.wait()
                assert not visitor.open(path).errors
            return bytes(visitor.heard)

    with ThreadPoolExecutor(2) as pool:
        heard = list(pool.map(visit, (1, 2)))
    shown = [base64.b64encode(xray_file(noise(seed))) for seed in (1, 2)]
    assert [[picture in all_heard for picture in shown] for all_heard in heard] == [[True, False], [False, True]]


def test_mutated_files_at_the_uploader_are_refused_in_one_sentence_or_shown(server):
    rng, refused = random.Random(7), 0
    seeds = [encode_png(noise(3)), encode_jpeg(noise(3))]
    with Visitor(server, "enhance") as visitor:
        for number in range(MUTATED):
            answer = bring(visitor, mutate(seeds[number % 2], rng))
            assert len(answer.errors) <= 1
            refused += len(answer.errors)
            assert all(error.endswith(".") and "Traceback" not in error for error in answer.errors)
    assert refused > 0
    with Visitor(server, "enhance") as visitor:
        assert not visitor.landed.errors


@pytest.mark.parametrize("path", paths())
def test_a_rerun_with_nothing_changed_sends_little(server, path):
    with Visitor(server, path) as visitor:
        visitor.rerun()
        assert visitor.rerun().received <= 30 * 1024
