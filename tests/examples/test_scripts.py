"""Every example runs as it stands and finds what it must find."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_that_was_asked_with_is_found_first(capsys):
    found = example("seal_and_search").main()
    assert len(found) == 3 == len(capsys.readouterr().out.splitlines())
    assert found[0] == min(found)


def test_a_picture_is_nearest_to_itself():
    positions = example("own_encoder").main()
    assert [query in row for query, row in enumerate(positions)] == [True] * 5


def test_what_the_scanner_sends_is_sealed():
    pytest.importorskip("pynetdicom", reason="THE PACS EXAMPLE IS NOT TESTED: install requirements-clinic.txt")
    module = example("pacs")
    assert len(module.main()) == 1


def test_the_list_names_every_file():
    listed = (EXAMPLES / "README.md").read_text()
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".ipynb"}}
    assert {name for name in files if f"`{name}`" not in listed} == set()
