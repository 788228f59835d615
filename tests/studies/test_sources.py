"""Kept steps hang on what they computed from, and on nothing else."""

from pathlib import Path

import numpy as np
import pytest

from engine.studies.sources import code_hash, computed_with, imported


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {
        "engine/__init__.py": "",
        "engine/study.py": "from engine.deep import thing\n\ndef late():\n    import engine.late\n",
        "engine/deep.py": '"""One."""\nNAMED = "engine.named"\nthing = 1\n',
        "engine/late.py": "x = 1\n",
        "engine/named.py": "x = 1\n",
        "engine/elsewhere.py": "x = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def fresh(root: Path) -> str:
    code_hash.cache_clear()
    return code_hash("engine.study", root)


def test_all_that_is_imported_counts_wherever_it_is_imported(checkout):
    names = {path.name for path in imported("engine.study", checkout)}
    assert names == {"__init__.py", "study.py", "deep.py", "late.py", "named.py"}


@pytest.mark.parametrize("name", ["study", "deep", "late", "named"])
def test_changed_code_changes_the_hash(checkout, name):
    before, path = fresh(checkout), checkout / "engine" / f"{name}.py"
    path.write_text(path.read_text() + "y = 2\n")
    assert fresh(checkout) != before


def test_docstrings_comments_and_strangers_do_not(checkout):
    before, path = fresh(checkout), checkout / "engine" / "deep.py"
    path.write_text('"""Another."""\n\n# Why.\nNAMED = "engine.named"\nthing = 1\n')
    (checkout / "engine" / "elsewhere.py").write_text("x = 2\n")
    assert fresh(checkout) == before


def test_arrays_beside_the_code_count(checkout):
    before = fresh(checkout)
    np.save(checkout / "engine" / "template.npy", np.zeros(3))
    assert fresh(checkout) != before


def test_weights_count_where_they_are_read():
    module = "engine.studies.steps"
    assert len({computed_with(module, names) for names in ((), ("matdh",), ("dpn",), None)}) == 4


def test_a_study_of_ciphers_does_not_hang_on_the_trainer():
    names = {path.name for path in imported("engine.studies.ciphers")}
    assert "cipher_quality.py" in names
    assert "trainer.py" not in names
