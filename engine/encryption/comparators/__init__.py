"""The three schemes that paper A's Table 6 compares with, rebuilt from what is public about them: toys, for study.

Their papers give no code and leave steps open, so each file lists where it departs. None authenticates, none draws a
nonce, and two of them fall to a handful of chosen pictures (``engine.attacks.comparators``). Never seal with them.
"""

from engine.encryption.comparators.abdelfatah import AbdelfatahCipher
from engine.encryption.comparators.castro import CastroCipher
from engine.encryption.comparators.inam import InamCipher
from engine.encryption.comparators.scheme import CipherPicture, Comparator

COMPARATORS: dict[str, type[Comparator]] = {
    cipher.name: cipher for cipher in (CastroCipher, AbdelfatahCipher, InamCipher)
}
"""The comparators by name, in the order of paper A's Table 6."""

__all__ = ["COMPARATORS", "AbdelfatahCipher", "CastroCipher", "CipherPicture", "Comparator", "InamCipher"]
