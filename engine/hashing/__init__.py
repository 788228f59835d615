"""Binary codes of pictures: packing, distances, losses, samplers and the trained hasher."""

from engine.hashing.codes import hamming_distances, pack_bits, unpack_bits
from engine.hashing.hasher import EMBEDDING, METHODS, Hasher, HasherError, shipped_methods

__all__ = [
    "EMBEDDING",
    "METHODS",
    "Hasher",
    "HasherError",
    "hamming_distances",
    "pack_bits",
    "shipped_methods",
    "unpack_bits",
]
