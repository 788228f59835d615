import errno
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engine.files import write_arrays, write_json, written_whole


def fail_halfway(path):
    with written_whole(path) as partial:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_failed_write_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "weights.safetensors"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([] if before is None else [before])


def test_an_error_names_the_file_that_was_to_be_written(tmp_path):
    def write(path):
        with pytest.raises(OSError, match="cannot|directory|long") as caught, written_whole(path) as partial:
            partial.write_bytes(b"whole")
        return caught.value.filename

    folder, long = tmp_path / "folder", tmp_path / ("n" * 300)
    folder.mkdir()
    assert [write(folder), write(long)] == [str(folder), str(long)]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_names_the_file_that_was_to_be_written(tmp_path):
    path = tmp_path / "picture.png"

    def write():
        with written_whole(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        write()
    assert (caught.value.filename, list(tmp_path.iterdir())) == (str(path), [])


def test_the_longest_name_there_can_be_is_written(tmp_path):
    path = tmp_path / ("n" * 250 + ".json")
    with written_whole(path) as partial:
        partial.write_text("whole")
    assert path.read_text() == "whole"


def test_two_writers_do_not_mix(tmp_path):
    def write(letter):
        with written_whole(tmp_path / "cache.npy") as partial:
            assert partial.suffix == ".npy"
            with partial.open("wb") as file:
                for _ in range(200):
                    file.write(letter * 5000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [b"a", b"b", b"c", b"d"]))
    (file,) = tmp_path.iterdir()
    assert len(set(file.read_bytes())) == 1


def test_what_cannot_be_written_leaves_the_result_of_before(tmp_path):
    write_json(tmp_path / "result.json", {"map": [0.5, 0.4, 0.6]})
    write_arrays(tmp_path / "result.npz", {"codes": np.arange(3)})
    with pytest.raises(TypeError):
        write_json(tmp_path / "result.json", {"map": np.float32(1)})
    with pytest.raises(ValueError, match="Object arrays"):
        write_arrays(tmp_path / "result.npz", {"codes": np.array([{}])})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["result.json", "result.npz"]
    assert json.loads((tmp_path / "result.json").read_text()) == {"map": [0.5, 0.4, 0.6]}
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        assert arrays["codes"].tolist() == [0, 1, 2]
