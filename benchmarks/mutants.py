"""Sealed files changed at random, and how many of them anybody accepts: none may be.

Each mutant is opened with the master key and with the picture's own. ``--save`` writes the result file
``mutants.json``.
"""

import argparse
import random
from collections import Counter

import numpy as np

from engine.artifacts import commit, machine, save_result
from engine.encryption import CipherError, cipher_for, generate_key, image_key
from engine.encryption.schemes import CONTAINER_SCHEMES, SCHEMES
from engine.imaging import encode_png

PICTURE = np.arange(20 * 24, dtype=np.uint16).astype(np.uint8).reshape(20, 24)


def flip(blob, other, chance):
    place = chance.randrange(8 * len(blob))
    changed = bytearray(blob)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def overwrite(blob, other, chance):
    start, length = chance.randrange(len(blob)), chance.randrange(1, 40)
    return blob[:start] + chance.randbytes(len(blob[start : start + length])) + blob[start + length :]


def cut(blob, other, chance):
    return blob[: chance.randrange(len(blob))]


def extend(blob, other, chance):
    return blob + chance.randbytes(chance.randrange(1, 200))


def splice(blob, other, chance):
    """The beginning of one genuine file and the end of another of the same owner."""
    place = chance.randrange(1, len(blob))
    return blob[:place] + other[place:]


MUTATIONS = (flip, overwrite, cut, extend, splice)


def sealed(key):
    """Two genuine files of each kind."""
    for name in CONTAINER_SCHEMES:
        cipher = SCHEMES[name].container_cipher(key)
        yield name, cipher.encrypt(PICTURE), cipher.encrypt(PICTURE[::-1])
        if cipher.seals_files:
            yield f"{name}, file", cipher.encrypt_file(encode_png(PICTURE)), cipher.encrypt_file(encode_png(PICTURE.T))


def accepted(blob, key, kind):
    try:
        cipher_for(blob, key, kind).decrypt(blob)
    except CipherError:
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    key, chance = generate_key(), random.Random(0)
    files, tried, passed = list(sealed(key)), Counter(), Counter()
    while sum(tried.values()) < options.count:
        name, blob, other = chance.choice(files)
        mutate = chance.choice(MUTATIONS)
        mutant = mutate(blob, other, chance)
        if mutant in (blob, other):
            continue
        tried[f"{name}, {mutate.__name__}"] += 1
        passed[f"{name}, {mutate.__name__}"] += accepted(mutant, key, "master")
        passed[f"{name}, {mutate.__name__}"] += accepted(mutant, image_key(key, blob), "image")
    for name in sorted(tried):
        print(f"  {name:24} {tried[name]:>6,} tried {passed[name]:>3} accepted")
    print(f"{sum(tried.values()):,} mutants, {sum(passed.values())} accepted")
    if options.save:
        rows = [{"kind": name, "tried": tried[name], "accepted": passed[name]} for name in sorted(tried)]
        facts = {"commit": commit(), "machine": machine()}
        totals = {"tried": sum(tried.values()), "accepted": sum(passed.values())}
        print(f"written: {save_result('mutants', {'provenance': facts, **totals, 'rows': rows})}")


if __name__ == "__main__":
    main()
