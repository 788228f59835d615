"""Make ``engine/imaging/chest_template.npy`` from the training pictures of COVIDx-open, without their labels.

Congealing: begin with the mean of the picture centres, align every picture to it, average again, five times.

    CXR_VAULT_DATA=... python scripts/make_chest_template.py
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.datasets import PAPER, load_dataset
from engine.imaging.framing import ChestBox, cut_box, match_template, normalise_contrast

ROUNDS = 5
PICTURES = 500
SIDE = 40
CENTRE = ChestBox(1.0, 0.14 * 96, 0.10 * 96, 0.72 * 96, 0.72 * 96)


def main() -> None:
    """Align, average and write the template."""
    train = load_dataset(PAPER.collection).subset(split="train")
    chosen = np.random.default_rng(0).permutation(len(train))[:PICTURES]
    pictures = [normalise_contrast(train.load(int(i))) for i in chosen]
    squarish = [p for p in pictures if min(p.shape) > 88]
    template = np.mean([cut_box(p, CENTRE, SIDE) for p in squarish], axis=0)
    for round_ in range(ROUNDS):
        # A chest is nearly symmetric: forcing it at first keeps the template from drifting sideways.
        template = (template + template[:, ::-1]) / 2 if round_ < 2 else template
        boxes = [match_template(p, template.astype(np.float32)) for p in pictures]
        weights = np.clip([box.score for box in boxes], 0, None) ** 2
        crops = np.stack([cut_box(p, box, SIDE) for p, box in zip(pictures, boxes, strict=True)])
        template = np.average(crops, axis=0, weights=weights)
        print(
            f"round {round_ + 1}: mean correlation {np.mean([box.score for box in boxes]):.3f}",
            file=sys.stderr,
        )
    target = Path(__file__).resolve().parents[1] / "engine" / "imaging" / "chest_template.npy"
    np.save(target, template.astype(np.float32))


if __name__ == "__main__":
    main()
