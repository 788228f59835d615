"""What the threat model promises, tried many times: lies of a server, forgeries with a released key, killed writers.

Every lie is told about many questions, every forgery is made of many pictures; what counts is whether somebody is taken
in. A writer is killed at a random moment, and the command stops if a row is missing that was told to be stored.
``--save`` writes the result file ``promises.json``.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from engine.artifacts import commit, machine, save_result
from engine.encryption import AesGcmCipher, AuthenticationError, generate_key
from engine.retrieval import CloudServer, DataOwner, DataUser
from tests.retrieval.conftest import BlockHasher, DescribingHasher, make_pictures
from tests.retrieval.stores.killing import survive
from tests.retrieval.test_answers import COUNT, HANDED_OUT, HIDDEN_LIES, OPEN_LIES, ROW_LIES, TOP, LyingServer
from tests.retrieval.test_forgery import forgeries, put

QUESTIONS, FORGED, KILLS = COUNT, 12, 30
KINDS = {
    "an answer that cannot be one": ("near", OPEN_LIES, False),
    "a wrong answer, verified": ("near", HIDDEN_LIES, True),
    "other rows to verify with": ("rows", ROW_LIES, True),
    "other pictures than asked for": ("hits", HANDED_OUT, False),
}


def noticed(act):
    """Whether somebody refuses what comes of an act."""
    try:
        act()
    except AuthenticationError:
        return True
    return False


def lies(folder):
    """Tell every lie about every picture: how many were told of each kind, and how many noticed."""
    server, pictures = LyingServer(folder / "lies.db"), make_pictures(COUNT)
    server.lie()
    owner = DataOwner(generate_key(), server, DescribingHasher(), cipher=AesGcmCipher)
    list(owner.upload(pictures))
    user, found = DataUser(owner, server), {}
    for kind, (what, ways, verify) in KINDS.items():
        outcomes = []
        for way in ways.values():
            server.lie(**{what: way})
            outcomes += [noticed(partial(user.search, one.load(), TOP, verify=verify)) for one in pictures]
        found[kind] = {"told": len(outcomes), "noticed": sum(outcomes)}
    server.lie()
    doubted = sum(noticed(partial(user.search, one.load(), TOP, verify=True)) for one in pictures)
    return found | {"the truth, verified": {"told": len(pictures), "noticed": doubted}}


def forged(folder):
    """Put every forgery in the place of many pictures, and let user and owner open it."""
    server, pictures = CloudServer(folder / "forged.db"), make_pictures(FORGED)
    owner = DataOwner(generate_key(), server, BlockHasher(), cipher=AesGcmCipher)
    list(owner.upload(pictures))
    user, tried, accepted = DataUser(owner, server), 0, 0
    for identity in owner.records():
        (release,), (genuine,) = owner.release([identity]), server.pictures([identity])
        for one in forgeries(release.key, identity, genuine).values():
            put(folder / "forged.db", identity, one)
            looks = (partial(user.search, pictures[0].load(), len(pictures)), partial(owner.open, identity))
            tried += 1
            accepted += not all(map(noticed, looks))
        put(folder / "forged.db", identity, genuine)
    return {"tried": tried, "accepted": accepted}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"lies": lies(folder), "forgeries": forged(folder)}
        found["kills"] = {"kills": KILLS, "rows_kept": survive(folder / "killed.db", KILLS)}
    for kind, row in {**found["lies"], **{name: found[name] for name in ("forgeries", "kills")}}.items():
        print(f"  {kind:34} " + "  ".join(f"{key} {value:,}" for key, value in row.items()))
    if options.save:
        facts = {"provenance": {"commit": commit(), "machine": machine()}}
        print(f"written: {save_result('promises', facts | found)}")


if __name__ == "__main__":
    main()
