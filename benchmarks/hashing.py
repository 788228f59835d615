"""Encode one picture, from file bytes to code, beside a torchvision ResNet-18 forward at the same input side.

Interleaved rounds in one process; wall seconds, because the network uses every core. Read the ratios.
"""

import statistics
import time

import torch

from engine.datasets import load_dataset
from engine.hashing import Hasher
from engine.imaging import load_image
from models.vision import import_torchvision

ROUNDS, WARMUP = 30, 5


def milliseconds(job):
    start = time.perf_counter()
    job()
    return 1000 * (time.perf_counter() - start)


def main():
    hasher = Hasher.load(bits=48)
    data = load_dataset("simulated").records[0].path.read_bytes()
    peer = import_torchvision().models.resnet18(weights=None).eval().to(memory_format=torch.channels_last)
    view = torch.rand(1, 3, hasher.side, hasher.side).contiguous(memory_format=torch.channels_last)

    def resnet():
        with torch.inference_mode():
            peer(view)

    jobs = {"file to code": lambda: hasher.codes([load_image(data)]), "ResNet-18 forward": resnet}
    times = [[milliseconds(job) for job in jobs.values()] for _ in range(ROUNDS + WARMUP)][WARMUP:]
    print(f"one picture, {hasher.side} x {hasher.side}, {torch.get_num_threads()} threads, median of {ROUNDS} rounds")
    for name, spent in zip(jobs, zip(*times, strict=True), strict=True):
        ratio = statistics.median(ours / theirs for ours, (_, theirs) in zip(spent, times, strict=True))
        print(f"  {name:18} {statistics.median(spent):7.2f} ms   {ratio:5.2f} x ResNet-18")


if __name__ == "__main__":
    main()
