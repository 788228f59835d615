"""Make the finished search of the Overview page: a real query, its neighbours, what the server held.

    python scripts/make_overview_example.py

Everything is done by the real owner, server and user on the built-in gallery. Written to ``pages/example``:
pictures of both sides, the pictures of each step, and ``example.json`` with labels, distances and times.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.artifacts import WEIGHTS  # noqa: E402
from engine.datasets import load_dataset  # noqa: E402
from engine.encryption import generate_key  # noqa: E402
from engine.hashing import Hasher, unpack_bits  # noqa: E402
from engine.imaging import encode_jpeg, encode_png, enhance, to_uint8  # noqa: E402
from engine.retrieval import CloudServer, DataOwner, DataUser, Stage, pictures_of  # noqa: E402
from pages.components.kit.show import letterbox  # noqa: E402
from pages.components.kit.words import counted, label_title  # noqa: E402

FOLDER = ROOT / "pages" / "example"
GALLERY = "gallery"
QUERY_LABEL = "pneumonia"
BITS = 48
NEIGHBOURS = 5
ROUNDS = 7
TILE = 256
GAP = 6
CELL = 4
# Which part of the story a step of the search belongs to.
PART = {"describe": "hash", "mask": "hash", "ask": "find", "lend": "find", "fetch": "find"}
PART |= {"release": "open", "open": "open"}
RIGHT, OTHER, QUERY = (47, 191, 149), (240, 138, 60), (140, 203, 241)


def main() -> None:
    """Search once and write down what happened."""
    dataset = load_dataset(GALLERY)
    position = next(n for n, record in enumerate(dataset.records) if record.label == QUERY_LABEL)
    query, image = dataset.records[position], dataset.load(position)
    with tempfile.TemporaryDirectory() as folder:
        server = CloudServer(Path(folder) / "gallery.db")
        owner = DataOwner(generate_key(), server, Hasher.load(bits=BITS))
        for step in owner.upload([one for one in pictures_of(dataset) if one.name != query.id]):
            print(f"\rSealing {step.done}/{step.total}", end="", file=sys.stderr)
        user = DataUser(owner, server)
        # The shortest of several times: caches are filled by the first, and other work on the machine only adds.
        runs = [timed_search(user, image) for _ in range(ROUNDS)]
        times = {part: min(run[0][part] for run in runs) for part in runs[0][0]}
        _, sent, hits, results = runs[-1]
    FOLDER.mkdir(exist_ok=True)
    yours = [tile(image, f"Question: {label_title(query.label)}", QUERY)]
    yours += [
        tile(
            r.image,
            f"{r.rank}. {label_title(r.label)}, {counted(r.distance, 'bit')} away",
            RIGHT if r.label == query.label else OTHER,
        )
        for r in results
    ]
    held = [code_tile(sent)] + [noise_tile(hit.sealed) for hit in hits]
    write("yours.jpg", encode_jpeg(sheet(yours), 88))
    write("server.png", encode_png(sheet(held)[..., 0]))
    write("as_taken.jpg", encode_jpeg(letterbox(to_uint8(image), TILE), 88))
    write("enhanced.jpg", encode_jpeg(letterbox(to_uint8(enhance(image)), TILE), 88))
    write("sealed.png", encode_png(noise_tile(hits[0].sealed)[..., 0]))
    write("code.png", encode_png(code_tile(sent)[..., 0]))
    write("opened.jpg", encode_jpeg(letterbox(to_uint8(results[0].image), TILE), 88))
    facts = {
        "gallery": GALLERY,
        "gallery_count": step.total,
        "bits": BITS,
        "weights_sha256": json.loads((WEIGHTS / "matdh.json").read_text())["file_sha256"],
        "query": {"id": query.id, "label": query.label},
        "results": [{"id": r.name, "label": r.label, "distance": r.distance} for r in results],
        "milliseconds": {name: round(seconds * 1000, 2) for name, seconds in times.items()},
    }
    write("example.json", (json.dumps(facts, indent=1) + "\n").encode())


def timed_search(user: DataUser, image: np.ndarray) -> tuple[dict[str, float], Any, Any, Any]:
    """Search once and time the four parts of the story."""
    start = time.perf_counter()
    enhance(image)
    times = {"enhance": time.perf_counter() - start, "hash": 0.0, "find": 0.0, "open": 0.0}
    outcomes = {}

    def observe(stage: Stage) -> None:
        times[PART[stage.step]] += stage.seconds
        outcomes[stage.step] = stage.outcome

    user.search(image, NEIGHBOURS, observe)
    return times, outcomes["mask"].code, outcomes["fetch"], outcomes["open"]


def tile(image: np.ndarray, text: str, colour: tuple[int, int, int]) -> np.ndarray:
    """One picture on your side: a colour frame and a line of text."""
    square = Image.fromarray(letterbox(to_uint8(image), TILE)).convert("RGB")
    draw = ImageDraw.Draw(square, "RGBA")
    draw.rectangle((0, TILE - 30, TILE, TILE), fill=(0, 0, 0, 190))
    draw.text((12, TILE - 26), text, fill=colour, font=ImageFont.load_default(16))
    draw.rectangle((0, 0, TILE - 1, TILE - 1), outline=colour, width=4)
    return np.asarray(square)


def noise_tile(sealed: bytes) -> np.ndarray:
    """The end of what the server holds, each byte as a square of ``CELL`` pixels, so that scaling keeps it noise."""
    side = TILE // CELL
    look = np.frombuffer(sealed[-(side**2) :], np.uint8).reshape(side, side)
    return np.repeat(np.repeat(look, CELL, axis=0), CELL, axis=1)[..., None].repeat(3, axis=2)


def code_tile(sent: np.ndarray) -> np.ndarray:
    """The masked code as a pattern of squares: all the server ever gets of the question."""
    bits = unpack_bits(sent[None])[0].reshape(6, -1)
    cell = TILE // 8 - 2
    pattern = np.repeat(np.repeat(np.where(bits, 235, 50).astype(np.uint8), cell, axis=0), cell, axis=1)
    pattern[::cell], pattern[:, ::cell] = 0, 0
    canvas = np.zeros((TILE, TILE), np.uint8)
    top, left = (TILE - pattern.shape[0]) // 2, (TILE - pattern.shape[1]) // 2
    canvas[top : top + pattern.shape[0], left : left + pattern.shape[1]] = pattern
    return canvas[..., None].repeat(3, axis=2)


def sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Six tiles as two rows of three."""
    step = TILE + GAP
    canvas = np.zeros((2 * step - GAP, 3 * step - GAP, 3), np.uint8)
    for number, picture in enumerate(tiles):
        top, left = number // 3 * step, number % 3 * step
        canvas[top : top + TILE, left : left + TILE] = picture
    return canvas


def write(name: str, data: bytes) -> None:
    """Write one file of the example."""
    (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
