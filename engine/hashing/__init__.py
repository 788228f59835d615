"""Binary codes of pictures: packing, distances, losses, samplers and the trained hasher."""

from engine.hashing.codes import hamming_distances, pack_bits, unpack_bits
from engine.hashing.hasher import METHODS, Hasher, HasherError

__all__ = ["METHODS", "Hasher", "HasherError", "hamming_distances", "pack_bits", "unpack_bits"]
