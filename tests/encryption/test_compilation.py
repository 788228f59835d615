import subprocess
import sys

import numpy as np
import pytest

from engine.encryption import CipherError, FrequencyCipher, Present
from engine.encryption.compilation import Kernel, can_compile, prefer_numpy, use_compiled

OFFSET = 3


@Kernel
def shifted(value):
    return value + OFFSET


@Kernel
def twice_shifted(value):
    return shifted(value) * 2


def run(script, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    ).stdout.split()


@pytest.mark.skipif(not can_compile(), reason="numba cannot compile here")
def test_a_kernel_means_the_same_on_arrays_and_compiled():
    values = np.arange(5)
    assert twice_shifted(values).tolist() == [6, 8, 10, 12, 14]
    assert [twice_shifted.compiled(int(value)) for value in values] == [6, 8, 10, 12, 14]
    assert twice_shifted.callees == {"shifted": shifted}
    assert twice_shifted.sources() == {__file__}


@pytest.mark.skipif(not can_compile(), reason="numba cannot compile here")
def test_two_processes_that_compile_at_once_do_not_mix_their_code(monkeypatch, tmp_path):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    one, other, later = (Kernel(shifted.plain).compiled for _ in range(3))
    stored, others = one._cache._cache_file, other._cache._cache_file
    save = stored._save_data

    def save_after_the_other(name, data):
        assert other(0.5) == 3.5
        save(name, data)

    monkeypatch.setattr(stored, "_save_data", save_after_the_other)
    monkeypatch.setattr(others, "_load_index", dict)  # it looked before the first one wrote
    assert one(1) == 4
    assert later(0.5) == 3.5
    assert later(1) == 4


PRESENT = """
from engine.encryption import Present
from engine.encryption.compilation import can_compile
print(can_compile(), Present(bytes(16)).ctr(b"n", bytes(8)).hex())
"""
EXPECTED = Present(bytes(16), "numpy").ctr(b"n", bytes(8)).hex()


@pytest.mark.parametrize(
    ("hindrance", "environment"),
    [("import sys; sys.modules['numba'] = None", {}), ("", {"NUMBA_DISABLE_JIT": "1"})],
    ids=["numba is missing", "compilation is switched off"],
)
def test_falls_back_to_numpy(hindrance, environment):
    assert run(hindrance + PRESENT, **environment) == ["False", EXPECTED]


@pytest.mark.skipif(not can_compile(), reason="numba cannot compile here")
def test_compiles_where_nothing_can_be_written():
    hindrance = (
        "import tempfile; from unittest import mock;"
        "mock.patch.object(tempfile, 'TemporaryFile', side_effect=PermissionError).start()"
    )
    assert run(hindrance + "\nfrom engine.encryption.compilation import can_compile; print(can_compile())") == ["True"]


def test_says_when_compilation_is_demanded_and_impossible(monkeypatch):
    monkeypatch.setattr("engine.encryption.compilation.can_compile", lambda: False)
    assert not use_compiled("auto")
    with pytest.raises(CipherError, match='backend="numpy"'):
        Present(bytes(16), "compiled")
    with pytest.raises(CipherError, match='backend="numpy"'):
        FrequencyCipher(bytes(32), "compiled")


@pytest.mark.skipif(not can_compile(), reason="numba cannot compile here")
def test_a_process_may_prefer_numpy_and_still_compile_what_is_asked_for_by_name():
    prefer_numpy()
    try:
        assert not use_compiled("auto")
        assert use_compiled("compiled")
    finally:
        prefer_numpy(False)
    assert use_compiled("auto")


def test_refuses_other_names():
    with pytest.raises(CipherError, match="Unknown backend"):
        Present(bytes(16), "fast")


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("numba", "torch", "scipy", "skimage", "Crypto", "pandas")
    script = f"import sys, engine.encryption; print(*[name for name in {heavy} if name in sys.modules])"
    assert run(script) == []


@pytest.mark.skipif(not can_compile(), reason="numba cannot compile here")
def test_warm_up_leaves_nothing_to_compile():
    """Pictures of either depth, in any memory layout, need no machine code beyond what warm_up made."""
    script = """
import numpy as np
from numba.core import event
from engine.encryption import FrequencyCipher, warm_up
warm_up()
with event.install_recorder("numba:compile") as recorder:
    for dtype in (np.uint8, np.uint16):
        for picture in (np.zeros((9, 20, 3), dtype), np.frombuffer(bytes(65), dtype, 16, 1).reshape(4, 4).T):
            cipher = FrequencyCipher(bytes(32))
            cipher.decrypt(cipher.encrypt(picture))
print(len(recorder.buffer))
"""
    assert run(script) == ["0"]
