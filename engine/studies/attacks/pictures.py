"""Studies that end with a picture: known and chosen plaintext, the jigsaw, the layers, the toy. Simulated X-rays."""

import time
from typing import Any

import numpy as np

from engine.attacks import arnold, coefficients, jigsaw, modes
from engine.attacks.known_plaintext import chosen_pictures, open_with, read_schedule, recover_schedule
from engine.attacks.outcome import judge
from engine.attacks.toy import KEYS, break_toy
from engine.datasets import PAPER, data_hash, load_dataset
from engine.encryption import FrequencyCipher, LayerKeys, MultiStageCipher, Present, ToyCipher, blocks, logistic
from engine.encryption.arnold import scramble
from engine.imaging import to_uint8
from engine.studies.attacks.subjects import Progress, patients, study_key
from engine.studies.ciphers import study_ciphers

SIDE, TARGETS, KNOWN = 256, 30, 8
BLOCK_SIZES = (1, 8, 32)
JIGSAW_BLOCKS, JIGSAW_PICTURES = (64, 32, 16), 12
FLIPS = 64


def known_plaintext(progress: Progress) -> dict[str, Any]:
    """Measure how many known pictures open the others, for each block size and key policy."""
    gallery = load_dataset("simulated")
    known, targets = patients(gallery, "train", SIDE, KNOWN), patients(gallery, "test", SIDE, TARGETS)
    curves = []
    for number, (block_size, policy) in enumerate((b, p) for b in BLOCK_SIZES for p in ("shared", "fresh")):
        cipher = MultiStageCipher(study_key("plaintext"), block_size, policy=policy)  # type: ignore[arg-type]
        curves.append({"block_size": block_size, "policy": policy, "points": _curve(cipher, known, targets)})
        progress(number + 1, 2 * len(BLOCK_SIZES))
    return {
        "protocol": f"{TARGETS} simulated test patients, {SIDE} x {SIDE} pixels, substitution 255; known pictures are "
        "of training patients; similarity is SSIM to the truth; intervals are over pictures",
        "curves": curves,
        "chosen": _chosen(targets),
    }


def _curve(cipher: MultiStageCipher, known: np.ndarray, targets: np.ndarray) -> list[dict[str, Any]]:
    seen = np.stack([cipher.encrypt(picture, f"known {n}") for n, picture in enumerate(known)])
    sealed = np.stack([cipher.encrypt(picture, f"target {n}") for n, picture in enumerate(targets)])
    points = []
    for count in range(1, len(known) + 1):
        start = time.process_time()
        schedule = recover_schedule(known[:count], seen[:count], cipher.block_size)
        seconds = time.process_time() - start
        found = [judge(open_with, schedule, s, truth=t, queries=count) for s, t in zip(sealed, targets, strict=True)]
        points.append(
            {
                "known": count,
                "similarity": np.array([outcome.score for outcome in found]),
                "exact": np.array([outcome.exact for outcome in found]),
                "seconds": round(seconds, 3),
            }
        )
    return points


def _chosen(targets: np.ndarray) -> dict[str, Any]:
    cipher, planted = MultiStageCipher(study_key("plaintext"), 8, policy="shared"), chosen_pictures(SIDE, SIDE)
    schedule = read_schedule(np.stack([cipher.encrypt(picture) for picture in planted]))
    found = [judge(open_with, schedule, cipher.encrypt(t), truth=t, queries=len(planted)) for t in targets]
    return {"planted": len(planted), "exact": np.array([outcome.exact for outcome in found])}


def jigsaw_study(progress: Progress) -> dict[str, Any]:
    """Measure how far shuffled blocks can be put together again, for each block size and number of stages."""
    pictures = patients(load_dataset("simulated"), "test", SIDE, JIGSAW_PICTURES)
    rows = []
    for number, size in enumerate(JIGSAW_BLOCKS):
        for stage in ("blocks", "shuffled", "swapped"):
            found = [_solve(picture, size, stage) for picture in pictures]
            rows.append({"block_size": size, "stage": stage, "similarity": np.array(found)})
        progress(number + 1, len(JIGSAW_BLOCKS))
    return {
        "protocol": f"{JIGSAW_PICTURES} simulated test patients, {SIDE} x {SIDE} pixels; blocks: only blocks change "
        "places; shuffled: pixels inside blocks too; swapped: all four stages of paper B",
        "rows": rows,
    }


def _solve(picture: np.ndarray, size: int, stage: str) -> float:
    key = study_key(f"jigsaw {size}")
    if stage == "blocks":
        order = np.random.default_rng(list(key)).permutation(picture.size // size**2)
        sealed = jigsaw.shuffle_blocks(picture, size, order)
    else:
        sealed = np.ascontiguousarray(MultiStageCipher(key, size).stages(picture)[stage][..., 0])
    return judge(jigsaw.reassemble, sealed, size, truth=picture, queries=1).score


def layers_study(progress: Progress) -> dict[str, Any]:
    """Attack every layer of the frequency scheme alone, and the assembled scheme in the same way."""
    pictures = patients(load_dataset("simulated"), "test", SIDE, JIGSAW_PICTURES)
    whole = study_ciphers(study_key("layers"))["frequency"]
    sealed = np.stack([whole(picture, str(n)) for n, picture in enumerate(pictures)])
    rows = []
    for number, (name, attack) in enumerate(LAYER_ATTACKS.items()):
        alone, assembled = attack(pictures, sealed)
        rows.append({"layer": name, "alone": np.array(alone), "assembled": np.array(assembled)})
        progress(number + 1, len(LAYER_ATTACKS))
    return {
        "protocol": f"{JIGSAW_PICTURES} simulated test patients, {SIDE} x {SIDE} pixels; similarity (SSIM) of what the "
        "attack recovers; ECB: share of repeated 8-byte blocks; tag: share of changes that pass unnoticed "
        f"({FLIPS} flipped bits a file); assembled: the same attack on the whole scheme",
        "rows": rows,
    }


Scores = tuple[list[float], list[float]]


def _arnold(pictures: np.ndarray, sealed: np.ndarray) -> Scores:
    key = LayerKeys(study_key("layers")).arnold
    scattered = [scramble(picture, key) for picture in pictures]
    alone, assembled = (
        [judge(arnold.break_arnold, s, truth=p, queries=1).score for s, p in zip(stack, pictures, strict=True)]
        for stack in (scattered, sealed)
    )
    return alone, assembled


def _coefficients(pictures: np.ndarray, sealed: np.ndarray) -> Scores:
    rng = np.random.default_rng(list(study_key("seeds")))
    words = logistic.sequence(
        rng.integers(1 << 63, size=pictures[0].size // 64).astype(np.uint64), LayerKeys(study_key("layers")).logistic
    )
    mixed = np.stack([blocks.mix_values(picture, words) for picture in pictures])
    return _known_coefficients(pictures, mixed), _known_coefficients(pictures, sealed.astype(np.int32))


def _known_coefficients(pictures: np.ndarray, mixed: np.ndarray) -> list[float]:
    """Half of the pictures are known, the others are opened."""
    half = len(pictures) // 2
    choices = coefficients.recover_choices(pictures[:half], mixed[:half])
    pairs = zip(mixed[half:], pictures[half:], strict=True)
    return [judge(choices.undo, m, truth=picture, queries=half).score for m, picture in pairs]


def _ecb(pictures: np.ndarray, sealed: np.ndarray) -> Scores:
    key = study_key("ecb")[:16]
    return (
        [modes.repeated_share(modes.encrypt_ecb(picture, key)) for picture in pictures],
        [modes.repeated_share(picture.reshape(-1).view(np.uint64)) for picture in sealed],
    )


def ecb_study(progress: Progress) -> dict[str, Any]:
    """Count repeated blocks of real X-rays, whose borders and burnt-out areas are flat, encrypted block by block.

    Raises:
        DataError: the collection is not on this machine.
    """
    part = load_dataset(PAPER.collection).subset(split="test")
    shares = []
    for position in range(len(part)):
        shares.append(modes.repeated_share(modes.encrypt_ecb(to_uint8(part.load(position)), study_key("ecb")[:16])))
        progress(position + 1, len(part))
    return {
        "protocol": f"{len(part)} real test pictures of {PAPER.collection} in full size; share of 8-byte "
        "blocks that repeat",
        "repeated": np.array(shares),
        "data_sha256": data_hash(part),
    }


def _nonce_reuse(pictures: np.ndarray, sealed: np.ndarray) -> Scores:
    cipher = Present(study_key("nonce")[:16])
    reused = [cipher.ctr(b"once", picture.tobytes()) for picture in pictures]
    return _opened_by_first(pictures, reused), _opened_by_first(pictures, [picture.tobytes() for picture in sealed])


def _no_tag(pictures: np.ndarray, sealed: np.ndarray) -> Scores:
    """Share of changes that pass unnoticed; without a tag each opens as the forger meant it."""
    cipher, whole = Present(study_key("tag")[:16]), FrequencyCipher(study_key("tag"))
    rng, change = np.random.default_rng(0), np.zeros_like(pictures[0])
    change[:8, :8] = 0x60
    alone, assembled = [], []
    for picture in pictures:
        forged = modes.forge(cipher.ctr(b"once", picture.tobytes()), change)
        opened = np.frombuffer(cipher.ctr(b"once", forged), np.uint8).reshape(picture.shape)
        alone.append(float(np.array_equal(opened, picture ^ change)))
        blob = whole.encrypt(picture)
        assembled.append(modes.accepted_flips(whole, blob, rng.integers(8 * len(blob), size=FLIPS)) / FLIPS)
    return alone, assembled


def _opened_by_first(pictures: np.ndarray, ciphertexts: list[bytes]) -> list[float]:
    """The first picture is known, the others are opened."""
    first, pairs = ciphertexts[0], zip(ciphertexts[1:], pictures[1:], strict=True)
    return [judge(modes.open_by_reuse, pictures[0], first, c, truth=p, queries=2).score for c, p in pairs]


LAYER_ATTACKS = {
    "Arnold map": _arnold,
    "DCT and logistic map": _coefficients,
    "PRESENT in ECB": _ecb,
    "PRESENT with a repeated nonce": _nonce_reuse,
    "PRESENT without a tag": _no_tag,
}


def toy_study(progress: Progress) -> dict[str, Any]:
    """Try the 256 keys of the toy on the toy, and on AES and the frequency scheme."""
    pictures = patients(load_dataset("simulated"), "test", SIDE, JIGSAW_PICTURES)
    ciphers = study_ciphers(study_key("toy")) | {"toy": lambda picture, name: ToyCipher(int(name)).encrypt(picture)}
    rows = {}
    for number, name in enumerate(("toy", "aes", "frequency")):
        sealed = [ciphers[name](picture, str(n)) for n, picture in enumerate(pictures)]
        found = [judge(break_toy, s, truth=p, queries=KEYS) for s, p in zip(sealed, pictures, strict=True)]
        rows[name] = {
            "similarity": np.array([outcome.score for outcome in found]),
            "seconds": round(float(np.median([outcome.seconds for outcome in found])), 4),
        }
        progress(number + 1, 3)
    return {"protocol": f"{JIGSAW_PICTURES} simulated test patients, {SIDE} x {SIDE} pixels, 256 keys", "rows": rows}
