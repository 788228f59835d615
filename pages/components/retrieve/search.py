"""One search, step by step, with the time each step took and what is worth keeping of its answer."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.hashing.descriptors import likeness
from engine.imaging import encode_jpeg, resize, to_uint8
from engine.retrieval import Result, Stage
from pages.components.kit.schemes import look_of
from pages.components.kit.show import cipher_file
from pages.components.kit.words import are, counted, label_title
from pages.components.visit.vault import Vault

TOP = 10
FULL_SIDE = 1024
SEALED_SIDE = 128
STEP_TITLES = {
    "describe": "Enhance and hash",
    "mask": "Mask the code",
    "ask": "Server searches",
    "lend": "Owner lends descriptors",
    "fetch": "Order and fetch",
    "release": "Owner releases keys",
    "open": "Open the pictures",
}


@dataclass(frozen=True)
class Found:
    """One result, ready to be shown.

    Attributes:
        rank: 1 for the nearest.
        distance: Hamming distance to the query, bits.
        id: Of its row in the store.
        name: What its owner calls it.
        label: Its class; empty if nobody knows it.
        code: ``(bits // 8,)`` uint8, plain.
        opened: JPEG of the picture at full resolution.
        sealed: PNG of what the server holds.
        likeness: Cosine of the angle between its descriptor and the query's; None where there is none.
        credit: Whose picture it is and under which licence; empty where that is not known.
    """

    rank: int
    distance: int
    id: str
    name: str
    label: str
    code: np.ndarray
    opened: bytes
    sealed: bytes
    likeness: float | None = None
    credit: str = ""


@dataclass(frozen=True)
class Search:
    """A finished search.

    Attributes:
        code: ``(bits // 8,)`` uint8, the query's plain code.
        descriptor: ``(64,)`` int8 of the query.
        sent: The masked code, all the server gets.
        found: Results by rank.
        seconds: What each step took, by its name.
    """

    code: np.ndarray
    descriptor: np.ndarray
    sent: np.ndarray
    found: tuple[Found, ...]
    seconds: dict[str, float]


def search(vault: Vault, image: np.ndarray, itself: str | None, credit: Callable[[str], str] = str) -> Search:
    """Search a sealed gallery.

    Args:
        vault: The gallery.
        image: ``(H, W)``; stays on this side.
        itself: Name or id of the query in the gallery, left out of its own results; None if it is not from there.
        credit: Says whose picture one of the gallery is, by its name.

    Raises:
        engine.errors.VaultError: The store cannot answer, or its answer was changed.
    """
    stages: dict[str, Stage] = {}
    vault.user.search(image, TOP + 1, observe=lambda stage: stages.update({stage.step: stage}))
    (code, descriptor), asked, hits, results = (stages[step].outcome for step in ("describe", "mask", "fetch", "open"))
    alike = _likeness(stages)
    pairs = [(r, hit.sealed) for r, hit in zip(results, hits, strict=True) if itself not in (r.name, r.id)][:TOP]
    found = tuple(
        replace(_found(*pair), rank=rank, likeness=alike.get(pair[0].id), credit=credit(pair[0].name))
        for rank, pair in enumerate(pairs, 1)
    )
    return Search(
        code, descriptor, asked.code, found, {STEP_TITLES[stage.step]: stage.seconds for stage in stages.values()}
    )


def _likeness(stages: Mapping[str, Stage]) -> dict[str, float]:
    """Return how alike the query and each picture that the owner lent a descriptor of are, by id."""
    if "lend" not in stages:
        return {}
    descriptor, lent = stages["describe"].outcome[1], stages["lend"].outcome
    cosines = likeness(descriptor, lent)
    # What was uploaded without a descriptor is lent as zeros.
    rows = zip(stages["ask"].outcome, cosines, lent.any(axis=1), strict=True)
    return {near.id: float(cosine) for near, cosine, described in rows if described}


def full_size(image: np.ndarray) -> bytes:
    """Return a JPEG of a picture as large as a screen needs it: its shorter side at most ``FULL_SIDE``."""
    return encode_jpeg(resize(to_uint8(image), min(FULL_SIDE, *image.shape)), quality=90)


def _found(result: Result, sealed: bytes) -> Found:
    return Found(
        rank=result.rank,
        distance=result.distance,
        id=result.id,
        name=result.name,
        label=result.label or "",
        code=result.code,
        opened=full_size(result.image),
        sealed=cipher_file(look_of(sealed)[:SEALED_SIDE, :SEALED_SIDE], SEALED_SIDE),
    )


def commonest(labels: Sequence[str]) -> str:
    """Say which label most neighbours have, or which ones where several are as frequent.

    Args:
        labels: One of each neighbour; empty where nobody knows it.

    >>> commonest(["normal", "covid-19", "normal"])
    '**2 of 3 neighbours** are labelled **Normal**.'
    >>> commonest(["normal", "pneumonia"]), commonest([""])
    ('**1 of 2 neighbours** is labelled **Normal**, as many **Pneumonia**.', '**1 neighbour**, not labelled.')
    """
    count = len(labels)
    votes = Counter(label for label in labels if label)
    if not votes:
        return f"**{counted(count, 'neighbour')}**, {'not' if count == 1 else 'none of them'} labelled."
    most = max(votes.values())
    first, *others = (label_title(label) for label, number in votes.items() if number == most)
    also = "".join(f", as many **{other}**" for other in others)
    return f"**{most} of {counted(count, 'neighbour')}** {are(most)} labelled **{first}**{also}."


def ties(distances: Sequence[int]) -> str | None:
    """Say when most results are equally far, so that their code has not put them in order; None where it has.

    >>> ties([0, 0, 0, 4])
    '3 of 4 results are 0 bits away: the code cannot tell them apart, so the most similar features come first.'
    >>> ties([0, 1, 3, 4]) is None, ties([7]) is None
    (True, True)
    """
    if len(distances) < 2:
        return None
    distance, count = Counter(distances).most_common(1)[0]
    if count <= len(distances) / 2:
        return None
    return (
        f"{count} of {len(distances)} results are {counted(distance, 'bit')} away: the code cannot tell them apart, "
        "so the most similar features come first."
    )
