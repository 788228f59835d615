"""What a measurement was computed with: a module, all it imports, and the weights it reads.

Two versions of a module count as one where only comments, docstrings or layout differ.
"""

import ast
import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from engine.artifacts import MODELS, WEIGHTS, weights_path
from engine.files import file_sha256

ROOT = MODELS.parent
MODULE = re.compile(r"(engine|models)(\.\w+)+")


def computed_with(module: str, weights: tuple[str, ...] | None = None, root: Path = ROOT) -> str:
    """Return a SHA-256 over what decides a measurement.

    Args:
        module: Where the measurement is written down, such as ``"engine.studies.attacks.settings"``.
        weights: Names of the shipped networks it reads; None for all of them.
        root: Of the checkout.

    Returns:
        Hex digits.
    """
    names = sorted(path.stem for path in WEIGHTS.glob("*.safetensors")) if weights is None else weights
    paths = [path for path in map(weights_path, names) if path.exists()]
    facts = [code_hash(module, root), *map(file_sha256, paths)]
    return hashlib.sha256(" ".join(facts).encode()).hexdigest()


@functools.cache
def code_hash(module: str, root: Path = ROOT) -> str:
    """Return a SHA-256 over a module, all it imports from the checkout, and the arrays that lie beside them."""
    total = hashlib.sha256()
    files = sorted(imported(module, root))
    for path in files:
        total.update(f"{path.relative_to(root)} {ast.dump(_bare(path))}\n".encode())
    for path in sorted({data for file in files for data in file.parent.glob("*.np[yz]")}):
        total.update(f"{path.relative_to(root)} {file_sha256(path)}\n".encode())
    return total.hexdigest()


def imported(module: str, root: Path = ROOT) -> set[Path]:
    """Return the files of a module and of all that it imports from the checkout, directly or not."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for path in _files(name, root):
            if path not in found:
                found.add(path)
                waiting += _names(ast.parse(path.read_text()))
    return found


def _files(module: str, root: Path) -> Iterator[Path]:
    """The module's file, if it is one, and the packages it lies in; each of them runs when it is imported."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:count])
        yield from (path for path in (place / "__init__.py", place.with_name(f"{place.name}.py")) if path.is_file())


def _names(tree: ast.Module) -> Iterator[str]:
    """What a module imports anywhere in it; a whole string that reads like a module's name counts, for late imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and MODULE.fullmatch(str(node.value)):
            yield str(node.value)


def _bare(path: Path) -> ast.Module:
    """A module's tree without docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            node.body = body[1:]  # type: ignore[attr-defined]
    return tree
