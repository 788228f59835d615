import subprocess
import sys

import pytest

import engine.evaluation


def test_everything_promised_is_there():
    assert all(callable(getattr(engine.evaluation, name)) for name in engine.evaluation.__all__)


@pytest.mark.parametrize("package", ["engine.evaluation", "engine.retrieval"])
def test_importing_loads_nothing_heavy(package):
    heavy = "{'torch', 'faiss', 'numba', 'scipy', 'skimage', 'pandas', 'plotly', 'streamlit'}"
    script = f"import sys, {package}; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
