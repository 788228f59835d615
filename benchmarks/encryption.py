"""Our ciphers against DES3-CTR, AES-256-GCM and ChaCha20 (pycryptodome) on the same bytes, in interleaved rounds.

Seconds are those that this process spent on its one core, and other work on the machine slows every row of a round
alike; still, read the ratios: how many times the peer's speed.
"""

import statistics
import time

import numpy as np
from Crypto.Cipher import AES, DES3, ChaCha20

from engine.encryption import FrequencyCipher, Present, generate_key

PEERS = {
    "DES3-CTR": lambda data: DES3.new(bytes(range(24)), DES3.MODE_CTR, nonce=b"once").encrypt(data),
    "AES-256-GCM": lambda data: AES.new(bytes(32), AES.MODE_GCM, nonce=bytes(12)).encrypt_and_digest(data),
    "ChaCha20": lambda data: ChaCha20.new(key=bytes(32), nonce=bytes(12)).encrypt(data),
}
PAPER_A_MBIT = 7.9482  # Table 6, on another machine: no ratio, only an anchor


def seconds(job):
    start = time.process_time()
    job()
    return time.process_time() - start


def interleaved(jobs, rounds):
    """Seconds of every job in every round, after one round of warming up."""
    table = [[seconds(job) for job in jobs.values()] for _ in range(rounds + 1)][1:]
    return dict(zip(jobs, map(list, zip(*table, strict=True)), strict=True))


def report(title, ours, data, rounds):
    jobs = ours | {name: (lambda peer=peer: peer(data)) for name, peer in PEERS.items()}
    times = interleaved(jobs, rounds)
    print(f"\n{title}, median of {rounds} rounds")
    print(f"  {'':24}{'Mbit/s':>9}" + "".join(f"{'x ' + peer:>16}" for peer in PEERS))
    for name, spent in times.items():
        ratios = (statistics.median(p / s for p, s in zip(times[peer], spent, strict=True)) for peer in PEERS)
        speed = 8e-6 * len(data) / statistics.median(spent)
        print(f"  {name:24}{speed:9.0f}" + "".join(f"{ratio:16.2f}" for ratio in ratios))


def picture(side, dtype):
    return np.random.default_rng(side).integers(0, np.iinfo(dtype).max + 1, (side, side)).astype(dtype)


def whole_scheme(side, dtype, rounds):
    image, cipher = picture(side, dtype), FrequencyCipher(generate_key())
    sealed = cipher.encrypt(image)
    assert np.array_equal(cipher.decrypt(sealed), image)
    ours = {"frequency, encrypt": lambda: cipher.encrypt(image), "frequency, decrypt": lambda: cipher.decrypt(sealed)}
    if side == 512:
        plain = FrequencyCipher(generate_key(), backend="numpy")
        ours["frequency, NumPy only"] = lambda: plain.encrypt(image)
    report(f"{side} x {side}, {image.itemsize * 8} bits, MAC included", ours, image.tobytes(), rounds)


def present_alone(mebibytes, rounds):
    data = bytes(mebibytes << 20)
    fast, plain = Present(bytes(range(16))), Present(bytes(range(16)), backend="numpy")
    assert fast.ctr(b"once", data[: 1 << 16]) == plain.ctr(b"once", data[: 1 << 16])
    report(f"PRESENT-128-CTR, {mebibytes} MiB", {"PRESENT-128-CTR": lambda: fast.ctr(b"once", data)}, data, rounds)


def cost_against_size(rounds):
    cipher = FrequencyCipher(generate_key())
    # From large to small, so that no size has to refill a cache that a much larger one emptied.
    images = {side: picture(side, np.uint8) for side in (4096, 2048, 1024, 512, 256, 128, 64)}
    jobs = {side: (lambda image=image: cipher.encrypt(image)) for side, image in images.items()}
    times = {side: min(spent) for side, spent in interleaved(jobs, rounds).items()}
    print(f"\nCost against size, 8 bits, fastest of {rounds} rounds (linear: the last column stays level)")
    for side, spent in times.items():
        relative = spent / side**2 / (times[512] / 512**2)
        print(f"  {side:5} x {side:<5}{1000 * spent:9.2f} ms{1e9 * spent / side**2:9.2f} ns/pixel{relative:9.2f} x 512")


def main():
    whole_scheme(512, np.uint8, rounds=15)
    print(f"  (paper A, its own machine){PAPER_A_MBIT:9.2f}")
    whole_scheme(1024, np.uint8, rounds=9)
    whole_scheme(2048, np.uint16, rounds=5)
    present_alone(16, rounds=5)
    cost_against_size(rounds=15)


if __name__ == "__main__":
    main()
