"""Damage files the way disks, networks and attackers do."""

import random


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Flip, overwrite, cut, repeat or insert bytes somewhere in the file."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(changed))
        action = rng.randrange(5)
        if action == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            changed[at : at + 4] = rng.randbytes(4)
        elif action == 2:
            del changed[at : at + rng.randint(1, 64)]
        elif action == 3:
            changed[at:at] = changed[at : at + 32]
        else:
            changed[at:at] = rng.choice([b"\0" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff"])
        if not changed:
            break
    return bytes(changed)
