"""``head``: hash heads for encoders of others."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import progress

BATCH = 16


def add_parser(commands: Any) -> None:
    """Add ``head`` to the commands."""
    head = commands.add_parser(
        "head", help="hash with an encoder of your own", description="Fit hash heads on features of any encoder."
    )
    actions = head.add_subparsers(title="actions", required=True, metavar="ACTION")
    making = actions.add_parser("features", help="let an encoder look at a folder", description="Make features.")
    making.add_argument("folder", metavar="FOLDER", type=Path, help="pictures; a subfolder's name is their label")
    making.add_argument("--encoder", type=Path, required=True, help="ONNX file: one image in, one row of numbers out")
    making.add_argument("--mean", type=float, default=0.0, help="taken off pixels from 0 to 1 (default: %(default)s)")
    making.add_argument("--std", type=float, default=1.0, help="they are divided by then (default: %(default)s)")
    making.add_argument("--out", type=Path, required=True, help="file of features to write, .npz")
    making.set_defaults(run=make_features)
    fitting = actions.add_parser("fit", help="fit a head on features", description="Fit a head on features.")
    fitting.add_argument("features", metavar="FEATURES", type=Path, help=".npz with `features`, and perhaps `labels`")
    fitting.add_argument("--bits", type=int, default=48, help="code length (default: %(default)s)")
    fitting.add_argument(
        "--label-bits", type=int, help="bits that labels decide (default: half of them, where labels are there)"
    )
    fitting.add_argument(
        "--flatten", type=float, default=0.0, help="0 to 1: how even the features' components count (default: 0)"
    )
    fitting.add_argument("--out", type=Path, required=True, help="head to write, .safetensors")
    fitting.set_defaults(run=fit)


def make_features(options: argparse.Namespace) -> None:
    """Encode the pictures of a folder."""
    import numpy as np

    from engine.hashing.encoders import OnnxEncoder
    from engine.hashing.feature_files import FeatureFile
    from engine.retrieval import pictures_in

    pictures = pictures_in(options.folder)
    encoder, rows = OnnxEncoder(options.encoder, options.mean, options.std), []
    for start in range(0, len(pictures), BATCH):
        rows.append(encoder.features([picture.load() for picture in pictures[start : start + BATCH]]))
        progress("encoded", min(start + BATCH, len(pictures)), len(pictures))
    names = [picture.label for picture in pictures]
    labels = np.array(names) if all(names) else None
    features = FeatureFile(np.concatenate(rows), labels, encoder.sha256, options.mean, options.std)
    features.save(options.out)
    print(f"{len(features.features)} rows of {features.features.shape[1]} numbers in {options.out}")


def fit(options: argparse.Namespace) -> None:
    """Fit a head on a file of features."""
    from dataclasses import replace

    from engine.hashing.feature_files import FeatureFile
    from engine.hashing.heads import fit_head

    known = FeatureFile.load(options.features)
    head = replace(
        fit_head(known.features, known.labels, options.bits, options.label_bits, options.flatten),
        encoder=known.encoder,
        input_mean=known.input_mean,
        input_std=known.input_std,
    )
    head.save(options.out)
    print(f"{head.bits} bits, {head.label_bits} of them by labels, from {len(known.features)} pictures: {options.out}")
