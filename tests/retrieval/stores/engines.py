"""What the contract needs of an engine: fresh addresses, and rows to put there."""

import secrets

import numpy as np

from engine.retrieval import Gallery, SealedPicture

GALLERY = Gallery(id=b"g" * 16, bits=16, key_check=b"k" * 32)


def make_rows(count, start=0):
    return [
        SealedPicture(
            f"{number:032x}",
            (number % 65_536).to_bytes(2),
            b"note %d" % number,
            b"picture %d" % number,
            digest=number.to_bytes(16),
            sketch=number.to_bytes(24),
        )
        for number in range(start, start + count)
    ]


def random_rows(codes):
    """Rows of given codes, with random ids and nothing else."""
    return [SealedPicture(secrets.token_hex(16), bytes(code), b"n", b"p") for code in codes]


def append_all(store, rows, gallery=GALLERY):
    with store.appending(gallery) as append:
        append(rows)
    return append


def append_and_fail(store, rows):
    with store.appending(GALLERY) as append:
        append(rows)
        raise ValueError("boom")


def ids_of(store):
    with store.following() as snapshot:
        return [row.tobytes().hex() for rows in snapshot.rows for row in rows.ids]


def codes_of(store):
    with store.following() as snapshot:
        return np.concatenate([rows.codes for rows in snapshot.rows]).tolist()
