"""What a thief really has to search for, layer by layer of the frequency scheme."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: of the layer.
        key_bits: length of the key it takes.
        strength_bits: logarithm of the work that the best attack here needs, base 2.
        why: in one sentence.
    """

    name: str
    key_bits: int
    strength_bits: float
    why: str


def layers(height: int, width: int) -> list[Layer]:
    """Return the layers of the frequency scheme on a picture of this size, then the whole.

    >>> [round(layer.strength_bits) for layer in layers(512, 512)]
    [20, 0, 128, 256, 128]
    """
    maps = math.log2(height * width * 4)
    return [
        Layer(
            "Arnold map", 72, maps, "Only the remainders of b and c and four iteration counts differ: all are tried."
        ),
        Layer(
            "DCT and logistic map", 84, 0.0, "Known pictures give shuffle and signs away: there is nothing to search."
        ),
        Layer("PRESENT-128 in counter mode", 128, 128.0, "No attack reaches all 31 rounds; what is left is every key."),
        Layer("HMAC-SHA256", 256, 256.0, "Hides nothing; a forged tag is right once in 2^256 tries."),
        Layer("The whole scheme", 256, 128.0, "As strong as its strongest hiding layer, not as the sum of all."),
    ]
