"""Binary codes of pictures: packing, distances, losses, samplers and the trained hasher."""

from engine.hashing.codes import hamming_distances, pack_bits, unpack_bits
from engine.hashing.hasher import Hasher, HasherError, shipped_methods
from engine.hashing.methods import CODE_METHODS, METHODS

__all__ = [
    "CODE_METHODS",
    "METHODS",
    "Hasher",
    "HasherError",
    "hamming_distances",
    "pack_bits",
    "shipped_methods",
    "unpack_bits",
]
