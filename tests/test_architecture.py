"""The layers hold, the picture of them is up to date, and CONTRIBUTING counts what it takes to add a thing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.draw_architecture import (
    DOCUMENT,
    ROOT,
    circles,
    documented,
    draw,
    imports,
    module_graph,
    modules,
    room,
    room_graph,
)

GRAPH = module_graph()
LONGEST = 400
# Who may import whom: the first may import the second only if it is listed.
ABOVE = {
    "engine/studies": {"engine/studies", "engine/commands", "pages"},
    "engine/commands": {"engine/commands", "engine/cli"},
    "engine/cli": {"engine/__main__"},
    "pages": {"pages"},
}
TABLE = re.compile(r"^\| ([^|]+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = TABLE.findall((ROOT / "CONTRIBUTING.md").read_text())
# The most files that a thing of each kind may take, tests aside.
MOST = {
    "cipher that makes containers": 2,
    "hashing method with a loss there is": 1,
    "hashing method with a new loss": 3,
    "store": 2,
    "metric shown on Benchmarks": 3,
    "dataset to train on": 2,
    "page": 2,
    "command": 2,
    "attack": 3,
}
# Things that are there, and the only files of the app where they are named in quotes.
NAMED = {
    "orthohash": {"engine/hashing/methods.py"},
    "cosine_margin": {
        "engine/hashing/losses/__init__.py",
        "engine/hashing/methods.py",
        # As it was stored: configurations name this term even where it is off.
        "engine/training/config.py",
    },
    "cxr-sources": {"engine/datasets/manifest.py"},
    "compress": {"pages/components/frame/__init__.py"},
    "decrypt": {"engine/cli.py", "engine/commands/sealing.py"},
}


def arrows() -> Iterator[tuple[str, str]]:
    for module, targets in GRAPH.items():
        yield from ((module, target) for target in targets)


def test_nothing_imports_in_a_circle() -> None:
    assert circles(GRAPH) == []


def test_only_stores_and_private_search_share_a_layer() -> None:
    assert circles(room_graph(GRAPH)) in ([], [["engine/private", "engine/retrieval"]])


def test_imports_run_one_way() -> None:
    up = [(a, b) for a, b in arrows() if room(b) in ABOVE and room(a) not in ABOVE[room(b)]]
    assert up == []
    assert [(a, b) for a, b in arrows() if room(a) == "models" and room(b) != "models"] == []


def test_pages_train_nothing() -> None:
    assert [(a, b) for a, b in arrows() if room(a) == "pages" and room(b) == "engine/training"] == []


@pytest.mark.parametrize(
    ("top", "library"), [("engine", "streamlit"), ("models", "streamlit"), ("engine/evaluation", "torch")]
)
def test_libraries_stay_where_they_belong(top: str, library: str) -> None:
    for path in (ROOT / top).rglob("*.py"):
        names = {name.split(".")[0] for name in _imported(ast.parse(path.read_text()))}
        assert library not in names, path


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_no_file_is_too_long() -> None:
    long = {str(path.relative_to(ROOT)) for path in modules().values() if path.read_text().count("\n") > LONGEST}
    assert long == set()


def test_the_picture_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert documented(text, draw(room_graph(GRAPH))) == text, "run python scripts/draw_architecture.py"


def test_late_imports_count_and_those_for_type_checkers_do_not() -> None:
    code = "def f():\n    from a import b\nif TYPE_CHECKING:\n    import c\nelse:\n    import d\n"
    assert imports(ast.parse(code), {"a", "a.b", "c", "d"}) == {"a.b", "d"}


def test_the_table_has_every_kind() -> None:
    assert MOST.keys() <= {kind for kind, *_ in ROWS}


@pytest.mark.parametrize(("kind", "count", "files", "tests"), ROWS, ids=[kind for kind, *_ in ROWS])
def test_the_tables_counts_hold(kind: str, count: str, files: str, tests: str) -> None:
    named = re.findall(r"`([^`]+)`", files)
    assert len(named) == int(count) <= MOST.get(kind, int(count))
    for path in [*named, *re.findall(r"`([^`]+)`", tests)]:
        assert (ROOT / path).exists() or ("<name>" in path and (ROOT / path).parent.is_dir()), path


@pytest.mark.parametrize("name", NAMED)
def test_a_registered_name_stands_where_the_table_says(name: str) -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in modules().values()
        if any(isinstance(node, ast.Constant) and node.value == name for node in ast.walk(ast.parse(path.read_text())))
    }
    assert found == NAMED[name]


def test_documents_name_files_that_are_there() -> None:
    for document in (DOCUMENT, ROOT / "CONTRIBUTING.md"):
        for path in re.findall(r"`((?:engine|pages|models|tests|scripts)/[\w/.]+\.(?:py|json))`", document.read_text()):
            assert (ROOT / path).exists(), path


def test_the_root_is_this_checkout() -> None:
    assert Path(__file__).resolve().parents[1] == ROOT
