"""The command line: ``python -m engine COMMAND``.

Results go to standard output, progress to standard error. A problem that the person can solve is one sentence and
exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import VaultError

SCHEMES = ("frequency", "aes")
KEY_BYTES = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after ``python -m engine``; the process's own when None.

    Returns:
        The exit status: 0, or 2 after one sentence on standard error.
    """
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except VaultError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return _refuse("Stopped; run the same command again to go on.")
    except OSError as error:
        return _refuse(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    root = argparse.ArgumentParser(prog="python -m engine", description="Search chest X-rays without showing them.")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_cipher_commands(commands)
    _add_store_commands(commands)
    _add_science_commands(commands)
    _add_data_command(commands)
    return root


def _add_cipher_commands(commands: Any) -> None:
    sealing = commands.add_parser("encrypt", help="seal a picture", description="Seal a PNG, JPEG or DICOM picture.")
    sealing.add_argument("source", metavar="IN", type=Path, help="the picture")
    sealing.add_argument("target", metavar="OUT", type=Path, help="the sealed file to write")
    sealing.add_argument("--scheme", choices=SCHEMES, default="frequency", help="cipher (default: %(default)s)")
    sealing.add_argument("--key-file", type=Path, required=True, help="32-byte key; made if it does not exist")
    sealing.set_defaults(run=encrypt)
    opening = commands.add_parser("decrypt", help="open a sealed picture", description="Open a sealed file as PNG.")
    opening.add_argument("source", metavar="IN", type=Path, help="the sealed file")
    opening.add_argument("target", metavar="OUT", type=Path, help="the PNG to write")
    opening.add_argument("--key-file", type=Path, required=True, help="the key it was sealed with")
    opening.add_argument(
        "--image-key", action="store_true", help="the key file holds the key of this one picture, not the master key"
    )
    opening.set_defaults(run=decrypt)


def _add_store_commands(commands: Any) -> None:
    indexing = commands.add_parser(
        "index", help="seal and store a folder", description="Seal, hash and store a folder."
    )
    indexing.add_argument("folder", metavar="FOLDER", type=Path, help="pictures; a subfolder's name is their label")
    indexing.add_argument("--bits", type=int, default=48, help="code length of a new store (default: %(default)s)")
    indexing.set_defaults(run=index)
    searching = commands.add_parser("search", help="find similar pictures", description="Find similar pictures.")
    searching.add_argument("image", metavar="IMAGE", type=Path, help="the query")
    searching.add_argument("--k", type=int, default=10, help="how many results (default: %(default)s)")
    searching.add_argument("--json", action="store_true", help="print JSON")
    searching.add_argument("--out", type=Path, help="folder to write the opened pictures to")
    searching.set_defaults(run=search)
    for command in (indexing, searching):
        command.add_argument(
            "--store", metavar="URI", default="vault.db", help="store file or address (default: %(default)s)"
        )
        command.add_argument(
            "--key-file", type=Path, default=Path("vault.key"), help="the owner's key (default: %(default)s)"
        )


def _add_science_commands(commands: Any) -> None:
    from engine.attacks.studies.run import EVERYTHING, STUDIES
    from engine.hashing import METHODS
    from engine.training.config import ABLATIONS, PRESETS

    evaluating = commands.add_parser("evaluate", help="measure a method", description="Measure a shipped method.")
    evaluating.add_argument("--method", choices=METHODS, default="matdh", help="method (default: %(default)s)")
    evaluating.add_argument("--bits", type=int, default=48, help="code length to print (default: %(default)s)")
    evaluating.add_argument("--json", action="store_true", help="print JSON")
    evaluating.add_argument("--save", action="store_true", help="write models/results, all code lengths")
    evaluating.set_defaults(run=evaluate)
    ciphering = commands.add_parser(
        "ciphers", help="measure the ciphers", description="Measure both papers' cipher tables on the test split."
    )
    ciphering.add_argument("--json", action="store_true", help="print JSON")
    ciphering.add_argument("--save", action="store_true", help="write models/results")
    ciphering.set_defaults(run=ciphers)
    attacking = commands.add_parser(
        "attack", help="attack the ciphers and codes", description="Run the attacks of the privacy lab and score them."
    )
    attacking.add_argument(
        "name", metavar="NAME", choices=(*STUDIES, EVERYTHING), help=", ".join((*STUDIES, EVERYTHING))
    )
    attacking.add_argument("--json", action="store_true", help="print all of the results as JSON")
    attacking.add_argument("--save", action="store_true", help="write models/results/attacks.json")
    attacking.set_defaults(run=attack)
    warning = commands.add_parser(
        "novelty",
        help="measure the novelty warning",
        description="Set the threshold of the warning about strange pictures and write models/results/novelty.",
    )
    warning.set_defaults(run=measure_warning)
    training = commands.add_parser("train", help="train a method", description="Train a method; resumes by itself.")
    training.add_argument("name", metavar="NAME", choices=METHODS, help=", ".join(METHODS))
    training.add_argument(
        "--preset", choices=tuple(PRESETS), default="cpu", help="configuration (default: %(default)s)"
    )
    training.add_argument("--ablation", choices=tuple(ABLATIONS), help="train this variant of paper A section 4.5")
    training.add_argument("--ship", action="store_true", help="write the best weights and their card to models/weights")
    training.set_defaults(run=train)
    ablating = commands.add_parser(
        "ablations",
        help="train and measure the ablations",
        description="Train every variant of paper A section 4.5 under one budget and write models/results/ablations.",
    )
    ablating.set_defaults(run=ablations)
    for command in (training, ablating):
        command.add_argument("--seed", type=int, default=0, help="seed (default: %(default)s)")
        command.add_argument("--epochs", type=int, help="fewer or more epochs than the preset")
        command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")


def _add_data_command(commands: Any) -> None:
    data = commands.add_parser("data", help="fetch, verify or list pictures", description="Public collections.")
    data.add_argument("action", choices=("fetch", "verify", "list"))
    data.add_argument("collection", nargs="?", help="covidx-open, anatomy or simulated")
    data.add_argument("--root", type=Path, help="folder of the collections (default: CXR_VAULT_DATA, else data)")
    data.set_defaults(run=manage_data)


def encrypt(options: argparse.Namespace) -> None:
    """Seal one picture."""
    from engine.encryption import AesGcmCipher, FrequencyCipher
    from engine.imaging import load_image

    image = load_image(options.source.read_bytes())
    cipher = {"frequency": FrequencyCipher, "aes": AesGcmCipher}[options.scheme]
    sealed = cipher(read_key(options.key_file, create=True)).encrypt(image)
    write_whole(options.target, sealed)
    _note(f"{options.target}: {image.shape[1]}x{image.shape[0]} {image.dtype}, {len(sealed)} bytes")


def decrypt(options: argparse.Namespace) -> None:
    """Open one sealed picture as PNG."""
    from engine.encryption import cipher_for
    from engine.imaging import encode_png

    sealed, key = options.source.read_bytes(), read_key(options.key_file)
    image = cipher_for(sealed, key, "image" if options.image_key else "master").decrypt(sealed)
    write_whole(options.target, encode_png(image))
    _note(f"{options.target}: {image.shape[1]}x{image.shape[0]} {image.dtype}")


def index(options: argparse.Namespace) -> None:
    """Seal, hash and store the pictures of a folder."""
    from engine.hashing import Hasher
    from engine.retrieval import CloudServer, DataOwner, pictures_in

    pictures, server = pictures_in(options.folder), CloudServer(options.store)
    bits = server.gallery.bits if server.gallery else options.bits
    owner = DataOwner(read_key(options.key_file, create=True), server, Hasher.load(bits=bits))
    added = 0
    for progress in owner.upload(pictures):
        added = progress.added
        _progress("sealed", progress.done, progress.total)
    print(f"{added} added, {len(server)} pictures in {options.store}, key in {options.key_file}")


def search(options: argparse.Namespace) -> None:
    """Search a store and print id, distance and rank of the results."""
    from engine.imaging import encode_png, load_image
    from engine.retrieval import CloudServer, DataOwner, DataUser

    query, server = load_image(options.image.read_bytes()), CloudServer(options.store)
    owner = DataOwner(read_key(options.key_file), server)
    results = DataUser(owner, server, name="command line").search(query, options.k)
    for result in results if options.out else ():
        options.out.mkdir(parents=True, exist_ok=True)
        write_whole(options.out / f"{result.rank:02d}-{result.id}.png", encode_png(result.image))
    rows = [
        {"rank": r.rank, "id": r.id, "distance": int(r.distance), "name": r.name, "label": r.label} for r in results
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['rank']:>3}  {row['distance']:>3} bits  {row['id']}  {row['label'] or '-':<12} {row['name']}")


def evaluate(options: argparse.Namespace) -> None:
    """Recompute a method's figures from pictures."""
    from engine.datasets import load_dataset
    from engine.hashing.evaluate import evaluate_method, save_result

    dataset = load_dataset("covidx-open")
    result, arrays = evaluate_method(options.method, dataset, lambda done, total: _progress("hashed", done, total))
    if str(options.bits) not in result["bits"]:
        raise VaultError(f"{options.bits} bits were not measured: choose one of {', '.join(result['bits'])}.")
    if options.save:
        _note(f"written: {save_result(options.method, result, arrays)}")
    figures = result["bits"][str(options.bits)]
    if options.json:
        print(json.dumps({**result, "bits": {str(options.bits): figures}}, indent=1))
        return
    for task, values in figures.items():
        for name in ("map", "p_at_1", "p_at_5", "p_at_10", "precision_within_2", "accuracy"):
            mean, low, high = values[name]
            print(f"{task:<12} {name:<20} {mean:.4f}  [{low:.4f}, {high:.4f}]")


def ciphers(options: argparse.Namespace) -> None:
    """Measure every cipher on the test pictures and its speed on this machine."""
    from engine.datasets import load_dataset
    from engine.evaluation.cipher_report import report_ciphers, save_report
    from engine.hashing.evaluate import RESULTS

    dataset = load_dataset("covidx-open")
    result, arrays = report_ciphers(dataset, lambda done, total: _progress("measured", done, total))
    if options.save:
        _note(f"written: {save_report(result, arrays, RESULTS)}")
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for row, figures in result["split"].items():
        for name, values in figures.items():
            print(f"{row:<12} {name:<24} {values['mean']:12.4f}  [{values['p5']:.4f}, {values['p95']:.4f}]")
    for name, speed in result["speed"].items():
        print(f"{name:<12} {speed:10.1f} Mbit/s")


def attack(options: argparse.Namespace) -> None:
    """Run one attack, or all of them."""
    from engine.attacks.studies.run import run_attacks, save_attacks

    results = run_attacks(options.name, lambda study, done, total: _progress(f"{study}: step", done, total))
    if options.save:
        _note(f"written: {save_attacks(results)}")
    if options.json:
        print(json.dumps(results, indent=1))
        return
    for name, (mean, low, high) in _intervals(results, ()):
        print(f"{name:<70} {mean:.4f}  [{low:.4f}, {high:.4f}]")


def _intervals(found: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[float]]]:
    """Every ``[mean, low, high]`` in a result, named by the keys and the words on the way to it."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _intervals(value, (*path, key))
    elif isinstance(found, list) and all(isinstance(row, dict) for row in found):
        for row in found:
            words = [str(value) for value in row.values() if isinstance(value, (str, int))]
            yield from _intervals(row, (*path, *words))
    elif isinstance(found, list) and len(found) == 3:
        yield " ".join(path), found


def measure_warning(options: argparse.Namespace) -> None:
    """Measure the novelty warning and write its result files."""
    from engine.hashing.evaluate import save_result
    from engine.hashing.novelty_report import measure_novelty

    result, arrays = measure_novelty("matdh", lambda done, total: _progress("looked at", done, total))
    _note(f"written: {save_result('novelty', result, arrays, holds='reference')}")
    for kind in ("expected", "strange"):
        for group in result[kind].values():
            print(f"{kind:<9} {group['what']:<48} {group['count']:>4} pictures, alarms {group['alarms'][0]:.3f}")


def train(options: argparse.Namespace) -> None:
    """Train a method and, on request, ship its best weights."""
    from engine.training.run import ship, train_method

    if options.ship and options.ablation:
        raise VaultError("An ablation is measured, not shipped: leave out --ship or --ablation.")
    run = train_method(
        options.name, options.preset, options.seed, options.runs, options.epochs, _note_figures, options.ablation
    )
    print(f"best validation score {run.best_score:.4f}, weights in {run.weights}")
    if options.ship:
        print(f"shipped: {ship(run)}")


def ablations(options: argparse.Namespace) -> None:
    """Train and measure every ablation, and write the result files."""
    from engine.hashing.evaluate import save_result
    from engine.training.ablations import run_ablations

    def report(name: str, row: dict[str, float]) -> None:
        _note_figures(row, f"{name}: ")

    result, arrays = run_ablations(options.seed, options.runs, options.epochs, report)
    _note(f"written: {save_result('ablations', result, arrays)}")
    for name, tasks in result["variants"].items():
        print(f"{name:<12} " + "  ".join(f"{task} mAP {figures['map'][0]:.4f}" for task, figures in tasks.items()))


def manage_data(options: argparse.Namespace) -> None:
    """Fetch, verify or list collections."""
    from engine.datasets import COLLECTIONS, DataError, fetch, load_dataset, verify

    if options.action == "list":
        for name in COLLECTIONS:
            try:
                print(f"{name:<12} {len(load_dataset(name, options.root))} pictures here")
            except DataError as error:
                print(f"{name:<12} not here: {error}")
        return
    if options.collection is None:
        raise VaultError(f"Name a collection to {options.action}: {', '.join(COLLECTIONS)}.")
    action: Callable[..., Any] = fetch if options.action == "fetch" else verify
    report = action(options.collection, options.root, lambda done, total: _progress("checked", done, total))
    if options.action == "verify" and not report.ok:
        raise VaultError(str(report))
    print(report)


def read_key(path: Path, *, create: bool = False) -> bytes:
    """Read a key file, or make one that only its owner may read.

    Args:
        path: File of 32 bytes.
        create: Make the file, with a fresh key, if it does not exist.

    Raises:
        VaultError: The file is missing (and not to be made), or does not hold 32 bytes.
    """
    from engine.encryption import generate_key

    if not path.exists():
        if not create:
            raise VaultError(f"There is no key file {path}: name the one the pictures were sealed with (--key-file).")
        key = generate_key()
        path.touch(mode=0o600)
        path.write_bytes(key)
        _note(f"new key written to {path}: keep it, without it nothing can be opened")
        return key
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise VaultError(f"{path} holds {len(key)} bytes and a key has {KEY_BYTES}: name the right key file.")
    return key


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _note_figures(row: dict[str, float], prefix: str = "") -> None:
    _note(prefix + "  ".join(f"{name} {value:.4g}" for name, value in row.items()))


def _progress(verb: str, done: int, total: int) -> None:
    end = "\n" if done >= total else ""
    print(f"\r{verb} {done} of {total}", end=end, file=sys.stderr, flush=True)


def _refuse(sentence: str) -> int:
    _note(sentence)
    return 2
