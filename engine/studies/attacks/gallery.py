"""What a server learns of whole galleries from masked codes: of pictures the encoder was trained on, and of others.

``codes`` asks it of test pictures by attacks that know public pictures as well; here the server has nothing but what it
holds, and at most one diagnosis a class. The codes come from the method's code file (``models/results``).
"""

from typing import Any

import numpy as np

from engine.attacks.gallery_codes import Learned, learned_of_gallery
from engine.attacks.outcome import AttackError
from engine.studies.attacks.codes import BITS, METHOD, stored_codes, study_mask
from engine.studies.attacks.subjects import Progress
from engine.studies.attacks.values import DIGITS


def gallery_codes_study(progress: Progress) -> dict[str, Any]:
    """Look at the masked codes of both galleries.

    Raises:
        AttackError: the method's code file is missing.
    """
    unseen, unseen_labels, trained, trained_labels, classes = stored_codes()
    galleries = {"trained": (trained, trained_labels), "unseen": (unseen, unseen_labels)}
    rows = {}
    for done, (name, (codes, labels)) in enumerate(galleries.items(), 1):
        if len(np.unique(labels)) < 2:
            raise AttackError(f"The {name} gallery has one label only: measure codes of a collection with two or more.")
        rows[name] = describe_learned(learned_of_gallery(study_mask(0).apply(codes), labels), len(codes))
        progress(done, len(galleries))
    return {
        "protocol": f"{METHOD}, {BITS} bits, masked; trained: training pictures of the encoder, unseen: test pictures "
        f"({'/'.join(classes)}); groups: k-means, as many as labels, a group counts as its commonest label; one known: "
        "the label of the nearest of one known picture a class, mean over draws of the known ones",
        "galleries": rows,
    }


def describe_learned(learned: Learned, pictures: int) -> dict[str, Any]:
    """Return what a server learned as plain data with the values of every picture.

    Args:
        learned: of one gallery.
        pictures: in it.
    """
    return {
        "pictures": pictures,
        "chance": round(learned.chance, DIGITS),
        "purity": learned.groups.correct,
        "sizes": [round(share, DIGITS) for share in learned.sizes],
        "label_shares": [round(share, DIGITS) for share in learned.truth],
        "one_known": learned.one_known,
        "shared": round(learned.shared, DIGITS),
    }
