"""Both papers' cipher tables on real chest X-rays: three named pictures, and a whole split as a distribution.

Master key, salts and nonces of this study are public constants, so that a run gives the same figures anywhere; real
sealing draws salt and nonce afresh. NPCR and UACI compare two encryptions under keys that differ in one bit, with
picture, salt and nonce the same: with a fresh salt they would say nothing about the key.

Per-picture values are kept beside the summary, and :func:`summarise` makes the one from the other.
"""

import hashlib
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.encryption.schemes import SCHEMES, SealSetting
from engine.evaluation import cipher_quality as quality
from engine.evaluation.cipher_quality import Picture

if TYPE_CHECKING:
    from engine.datasets import Dataset
    from engine.encryption.comparators import Comparator

SIDE = 512
BLOCK_SIZE = 8
SUBSTITUTION = 255
SIGMAS = 3
DECIMALS = 6
METRICS = (
    "entropy",
    "chi_square",
    "correlation_horizontal",
    "correlation_vertical",
    "correlation_diagonal",
    "mse",
    "psnr",
    "ssim",
    "npcr",
    "uaci",
)
# The pixels that are measured depend on nothing of a container but its key; that of version 1 keeps the figures.
KEYS_VERSION = 1
STUDY_KEY = hashlib.sha256(b"CXR Vault cipher study").digest()
FLIPPED_KEY = STUDY_KEY[:-1] + bytes([STUDY_KEY[-1] ^ 1])
PROTOCOL = {
    "pictures": f"resized to {SIDE} x {SIDE} (area averaging), 8-bit gray, as in paper A section 4.6.1",
    "named_pictures": "CXR-1..3: the first test picture of each class, in manifest order, whose shorter side "
    f"is {SIDE}",
    "frequency": "paper A's scheme; measured on the bytes that stand for the pixels, one each",
    "multistage": f"paper B's Algorithm 1, block {BLOCK_SIZE}, substitution {SUBSTITUTION}, one key for all pictures; "
    "measured on three channels",
    "aes": "AES-256-GCM (pycryptodome), ciphertext without tag",
    "toy": "XOR with a Mersenne Twister under an 8-bit key: broken on purpose",
    "compared": "the schemes of paper A's Table 6, rebuilt from what is public about them, one key for all pictures",
    "key_flip": "NPCR and UACI: last bit of the key flipped; picture, salt and nonce unchanged",
    "passing": f"share of pictures inside the 5 % limit of random values (entropy, correlation: {SIGMAS} deviations)",
    "speed": f"processor time, on one core, median of interleaved rounds, {SIDE} x {SIDE} 8-bit pixels, whole scheme",
}


def as_square(image: Picture) -> Picture:
    """Bring a picture to the size that paper A measures.

    Args:
        image: ``(H, W)`` uint8.

    Returns:
        ``(512, 512)`` uint8.
    """
    import cv2

    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def study_ciphers(key: bytes) -> dict[str, Callable[[Picture, str], Picture]]:
    """Return each scheme as a function from a picture and its name to the cipher picture.

    For study only: a name always gives the same salt and nonce.

    Args:
        key: 32 bytes.

    Returns:
        By scheme; the cipher picture is ``(H, W)``, or ``(H, W, 3)`` of the multi-stage scheme, uint8.
    """
    from engine.encryption import MultiStageCipher, ToyCipher
    from engine.encryption.comparators import COMPARATORS

    multistage, toy = MultiStageCipher(key, BLOCK_SIZE, SUBSTITUTION, "shared"), ToyCipher(key[-1])
    return {
        "frequency": partial(_frequency, key),
        "multistage": lambda picture, _: multistage.encrypt(picture),
        "aes": partial(_aes, key),
        "toy": lambda picture, _: toy.encrypt(picture),
        **{name: partial(_compared, COMPARATORS[name](key)) for name in COMPARATORS},
    }


def statistics_of(picture: Picture) -> dict[str, float]:
    """Measure one picture by itself: entropy, chi-square, correlation of neighbours.

    Args:
        picture: ``(H, W)`` or ``(H, W, 3)`` uint8.
    """
    correlations = quality.adjacent_correlation(picture)._asdict()
    return {
        "entropy": quality.shannon_entropy(picture),
        "chi_square": quality.chi_square(picture),
        **{f"correlation_{way}": value for way, value in correlations.items()},
    }


def measure(picture: Picture, cipher: Picture, flipped: Picture) -> dict[str, float]:
    """Measure a cipher picture by itself, against its picture, and against the one under the flipped key.

    Args:
        picture: ``(H, W)`` uint8.
        cipher: ``(H, W)`` or ``(H, W, 3)`` uint8.
        flipped: As ``cipher``, under a key one bit apart.

    Returns:
        Every one of ``METRICS``.
    """
    plain = picture if cipher.ndim == 2 else np.repeat(picture[..., None], 3, axis=-1)
    return {
        **statistics_of(cipher),
        "mse": quality.mse(plain, cipher),
        "psnr": quality.psnr(plain, cipher),
        "ssim": quality.ssim(plain, cipher),
        "npcr": quality.npcr(cipher, flipped),
        "uaci": quality.uaci(cipher, flipped),
    }


def measure_pictures(dataset: "Dataset", progress: Callable[[int, int], None]) -> dict[str, np.ndarray]:
    """Encrypt and measure every picture under every scheme.

    Args:
        dataset: The pictures.
        progress: Called with (pictures done, pictures in all).

    Returns:
        ``ids``, ``labels`` and ``shorter_sides`` ``(N,)``, ``classes``, ``rows`` ("original", then the schemes),
        ``metrics``, and ``values`` ``(rows, metrics, N)`` float64, NaN where a metric needs a cipher picture.
    """
    right, flipped = study_ciphers(STUDY_KEY), study_ciphers(FLIPPED_KEY)
    values = np.full((1 + len(SCHEMES), len(METRICS), len(dataset)), np.nan)
    sides = np.zeros(len(dataset), np.int64)
    for n, record in enumerate(dataset.records):
        image = dataset.load(n)
        sides[n], picture = min(image.shape), as_square(image)
        figures = [statistics_of(picture)]
        for scheme in SCHEMES:
            pair = (cipher[scheme](picture, record.id) for cipher in (right, flipped))
            figures.append(measure(picture, *pair))
        values[:, :, n] = [[row.get(metric, np.nan) for metric in METRICS] for row in figures]
        progress(n + 1, len(dataset))
    return {
        "ids": np.array([record.id for record in dataset.records]),
        "labels": np.array([record.label for record in dataset.records]),
        "classes": np.array(dataset.classes),
        "shorter_sides": sides,
        "rows": np.array(("original", *SCHEMES)),
        "metrics": np.array(METRICS),
        "values": np.round(values, DECIMALS),
    }


def random_values(samples: int) -> dict[str, Any]:
    """Return what independent, evenly distributed bytes would show, and the limits of chance.

    Args:
        samples: How many values the cipher picture has.

    Example:
        >>> random_values(512 * 512)["entropy"]
        7.999298
    """
    return {
        "samples": samples,
        "entropy": round(quality.ideal_entropy(samples), DECIMALS),
        "entropy_deviation": round(quality.ideal_entropy_deviation(samples), 8),
        "chi_square_below": round(quality.chi_square_critical(), DECIMALS),
        "correlation_deviation": round(samples**-0.5, DECIMALS),
        "npcr_above": round(quality.npcr_critical(samples), DECIMALS),
        "uaci_between": [round(end, DECIMALS) for end in quality.uaci_critical(samples)],
    }


def summarise(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Make every figure of the report from the stored values.

    Args:
        arrays: What :func:`measure_pictures` returned, and the times of :func:`time_ciphers`.

    Returns:
        ``pictures`` (by CXR name), ``split`` (mean, sd, 5th and 95th percentile), ``random`` and ``passing`` (by
        scheme) and ``speed`` (Mbit/s), as plain data.
    """
    rows = arrays["rows"].tolist()
    samples = {scheme: SIDE * SIDE * SCHEMES[scheme].channels for scheme in rows[1:]}
    random = {scheme: random_values(count) for scheme, count in samples.items()}
    by_row = {row: _by_metric(arrays, n) for n, row in enumerate(rows)}
    return {
        "pictures": {
            f"CXR-{turn}": {
                "id": str(arrays["ids"][n]),
                "label": str(arrays["labels"][n]),
                **{row: {name: float(values[n]) for name, values in by_row[row].items()} for row in rows},
            }
            for turn, n in enumerate(named_pictures(arrays), start=1)
        },
        "split": {row: {name: _distribution(values) for name, values in by_row[row].items()} for row in rows},
        "random": random,
        "passing": {scheme: _passing(by_row[scheme], random[scheme]) for scheme in samples},
        "speed": {
            str(name): round(8e-6 * SIDE * SIDE / statistics.median(seconds), 2)
            for name, seconds in zip(arrays["timed"], arrays["seconds"].tolist(), strict=True)
        },
    }


def named_pictures(arrays: dict[str, np.ndarray]) -> list[int]:
    """Positions of CXR-1..3 by the rule of the protocol, one for each class that has such a picture."""
    fits = arrays["shorter_sides"] == SIDE
    members = [np.flatnonzero(fits & (arrays["labels"] == label)) for label in arrays["classes"]]
    return [int(found[0]) for found in members if len(found)]


def time_ciphers(rounds: int = 31) -> dict[str, np.ndarray]:
    """Time every scheme beside DES3-CTR on the same bytes, in turns, after one round of warming up.

    Processor time: what else runs on the machine hardly matters.

    Args:
        rounds: How often each.

    Returns:
        ``timed``, the names, and ``seconds`` ``(names, rounds)``.
    """
    from Crypto.Cipher import DES3

    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    data = picture.tobytes()
    jobs: dict[str, Callable[[], object]] = {
        scheme: partial(SealSetting(scheme).cipher(STUDY_KEY).encrypt, picture) for scheme in SCHEMES
    }
    jobs["des3_ctr"] = lambda: DES3.new(STUDY_KEY[:24], DES3.MODE_CTR, nonce=b"once").encrypt(data)
    times = [[_processor_seconds(job) for job in jobs.values()] for _ in range(rounds + 1)][1:]
    return {"timed": np.array(list(jobs)), "seconds": np.array(times).T}


def report_ciphers(
    dataset: "Dataset", progress: Callable[[int, int], None]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure both papers' cipher tables on the test split of a collection.

    Args:
        dataset: A collection with a ``test`` split.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data and the stored values.
    """
    from engine.artifacts import provenance

    pictures = dataset.subset(split="test")
    arrays = measure_pictures(pictures, progress) | time_ciphers()
    result = {
        "protocol": {"dataset": dataset.name, "split": "test", "picture_count": len(pictures), **PROTOCOL},
        "provenance": provenance(pictures),
        **summarise(arrays),
    }
    return result, arrays


def _frequency(key: bytes, picture: Picture, name: str) -> Picture:
    from engine.encryption import LayerKeys, image_key
    from engine.encryption.frequency import mix, present_ctr

    layers = LayerKeys(image_key(key, public_bytes(name, "salt", 16), version=KEYS_VERSION))
    payload = mix(picture, layers)
    present_ctr(layers, "present", public_bytes(name, "nonce", 4), payload.words, "auto")
    return payload.low[0]


def _aes(key: bytes, picture: Picture, name: str) -> Picture:
    from Crypto.Cipher import AES

    from engine.encryption import image_key

    secret = image_key(key, public_bytes(name, "salt", 16), version=KEYS_VERSION)
    gcm = AES.new(secret, AES.MODE_GCM, nonce=public_bytes(name, "nonce", 12))
    return np.frombuffer(gcm.encrypt(picture.tobytes()), np.uint8).reshape(picture.shape)


def _compared(cipher: "Comparator", picture: Picture, _: str) -> Picture:
    return cipher.encrypt(picture).picture


def public_bytes(name: str, purpose: str, length: int) -> bytes:
    """Return the salt or nonce of a picture in this study: no secret, and the same in every run."""
    return hashlib.sha256(f"CXR Vault cipher study {purpose} {name}".encode()).digest()[:length]


def _by_metric(arrays: dict[str, np.ndarray], row: int) -> dict[str, npt.NDArray[np.float64]]:
    """``(N,)`` values of one row by metric, without the metrics that it does not have."""
    named = zip(arrays["metrics"].tolist(), arrays["values"][row], strict=True)
    return {name: values for name, values in named if not np.isnan(values).all()}


def _distribution(values: npt.NDArray[np.float64]) -> dict[str, float]:
    low, high = np.nanpercentile(values, (5, 95))
    figures = {"mean": np.nanmean(values), "sd": np.nanstd(values), "p5": low, "p95": high}
    return {name: round(float(value), DECIMALS) for name, value in figures.items()}


def _passing(values: dict[str, npt.NDArray[np.float64]], random: dict[str, Any]) -> dict[str, float]:
    low, high = random["uaci_between"]
    passed = {
        "entropy": np.abs(values["entropy"] - random["entropy"]) <= SIGMAS * random["entropy_deviation"],
        "chi_square": values["chi_square"] < random["chi_square_below"],
        "npcr": values["npcr"] > random["npcr_above"],
        "uaci": (values["uaci"] > low) & (values["uaci"] < high),
    }
    for name in values:
        if name.startswith("correlation"):
            passed[name] = np.abs(values[name]) <= SIGMAS * random["correlation_deviation"]
    return {name: round(float(np.mean(each)), DECIMALS) for name, each in passed.items()}


def _processor_seconds(job: Callable[[], object]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start
