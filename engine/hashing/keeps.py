"""What a code keeps, as a dial: more of the label, or more of the single picture.

A shipped encoder has one hash head for each code length and each of these shares, all fitted without labels by
iterative quantization (``engine.hashing.heads``); they differ in how evenly the components of the encoder's features
count. In the features of a network that was trained with labels the label varies most: codes that follow it are found
by label more surely, and tell the server more of it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One position of the dial.

    Attributes:
        title: Its name on pages.
        flatten: How evenly components count, 0 to 1 (``engine.hashing.heads.fit_head``).
        words: What it means, in a sentence.
    """

    title: str
    flatten: float
    words: str


KEEPS = {
    "label": Share("Mostly the label", 0.0, "Codes follow what the network sees most of: the disease."),
    "both": Share("Label and picture", 0.25, "Codes follow the disease, and tell two pictures of one disease apart."),
    "picture": Share("More of the picture", 0.5, "Codes give up some of the disease for the likeness of two pictures."),
}
DEFAULT = "both"
# Methods that are shipped with heads for every share.
DIALLED = ("matdh",)


def head_name(keeps: str, bits: int) -> str:
    """Return the name of a head's tensors in a weights file, without ``.weight`` or ``.bias``.

    Example:
        >>> head_name("label", 48)
        'keeps.label.48'
    """
    return f"keeps.{keeps}.{bits}"
